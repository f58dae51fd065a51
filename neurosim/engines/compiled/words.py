"""Arrays as the loop sees them: a bare address, indexed without wrap-around or reference counts.

``m[i]`` compiles to one load.  Numba's own arrays take negative indices and carry a descriptor of
seven numbers through every call; this halves the loop's time, and its compilation.
"""

from __future__ import annotations

import operator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.core.typing import signature
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import intrinsic as numba_intrinsic
from numba.extending import lower_builtin, models, register_model

#: Numba gives an intrinsic the typing context itself; callers do not pass it.
intrinsic: Any = numba_intrinsic


class Words(types.Type):
    """Address of elements of one type."""

    def __init__(self, dtype: types.Type) -> None:
        self.dtype = dtype
        super().__init__(name=f"Words({dtype})")


@register_model(Words)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Words) -> None:
        super().__init__(manager, kind, manager.lookup(kind.dtype).get_data_type().as_pointer())


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], Words):
            return signature(args[0].dtype, args[0], types.intp)
        return None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], Words):
            return signature(types.none, args[0], types.intp, args[0].dtype)
        return None


@lower_builtin(operator.getitem, Words, types.Integer)
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(builder.gep(args[0], [args[1]]))


@lower_builtin(operator.setitem, Words, types.Integer, types.Any)
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    builder.store(args[2], builder.gep(args[0], [args[1]]))
    return context.get_dummy_value()


@intrinsic
def words_of(typingctx: Any, array: Any) -> Any:
    """The address of a contiguous array's first element; the array must stay alive."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(sig.args[0])(context, builder, args[0]).data

    return Words(array.dtype)(array), code


@intrinsic
def words_at(typingctx: Any, words: Any, index: Any) -> Any:
    """The address of the element ``index``."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.gep(args[0], [args[1]])

    return words(words, types.int64), code


@intrinsic
def lowest_bit(typingctx: Any, word: Any) -> Any:
    """Number of the lowest set bit of a non-zero int64."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(types.int64), code


@intrinsic
def bits_of(typingctx: Any, value: Any) -> Any:
    """The bits of a float64 as an int64."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.IntType(64))

    return types.int64(types.float64), code


@intrinsic
def float_of(typingctx: Any, word: Any) -> Any:
    """The float64 whose bits an int64 holds."""

    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.bitcast(args[0], ir.DoubleType())

    return types.float64(types.int64), code


@intrinsic
def single_of(typingctx: Any, word: Any) -> Any:
    """The float32 whose bits are the lower half of an int64, as a float64."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low = builder.trunc(args[0], ir.IntType(32))
        return builder.fpext(builder.bitcast(low, ir.FloatType()), ir.DoubleType())

    return types.float64(types.int64), code


@intrinsic
def fetch(typingctx: Any, words: Any, index: Any) -> Any:
    """Ask for an element's cache line without waiting for it."""

    def code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i32 = ir.IntType(32)
        pointer = builder.bitcast(builder.gep(args[0], [args[1]]), ir.IntType(8).as_pointer())
        kind = ir.FunctionType(ir.VoidType(), [pointer.type, i32, i32, i32])
        prefetch = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(prefetch, [pointer, i32(0), i32(3), i32(1)])
        return context.get_dummy_value()

    return types.none(words, types.int64), code
