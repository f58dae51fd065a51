"""Generated text on standard output, as it comes."""

from __future__ import annotations

import sys


class Telling:
    """Called as ``told(stream, text)``: prints the text of one stream as it is generated.

    Of several streams the first appears; the others are in the results.  Nothing is wrapped: a
    terminal breaks long lines by itself, and a pipe gets the text as it is.
    """

    def __init__(self, prompt: str) -> None:
        self.prompt = prompt
        self.begun = False

    def __call__(self, stream: int, text: str) -> None:
        if stream:
            return
        if not self.begun:
            self.begun = True
            sys.stdout.write(self.prompt)
        sys.stdout.write(text)
        sys.stdout.flush()

    def end(self) -> None:
        """A line end and an empty line behind the text, if there was any."""
        if self.begun:
            sys.stdout.write("\n\n")
            sys.stdout.flush()
