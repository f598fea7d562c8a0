"""Exception tree of smoothbit.

    SmoothbitError
    |-- ArgumentError (ValueError)        an argument breaks its rule
    |   `-- ShapeError                    an array has the wrong shape or dtype
    |-- FormatError                       a file is not what docs/format.md says
    |   |-- TruncatedFileError            fewer bytes than the header promises
    |   |-- HeaderError                   the header or its JSON cannot be read
    |   |-- VersionError                  written by a format this reader does not know
    |   |-- SchemaError                   a field is missing, unknown or of the wrong kind
    |   |-- TensorError                   a tensor is missing, superfluous or of the wrong shape or dtype
    |   `-- ValueRangeError               a stored number is outside its range (NaN, step <= 0, index too large)
    |-- KernelUnavailableError            the requested ISA or kernel is not on this machine
    |-- DatasetError                      a dataset cannot be found or is inconsistent
    |-- RunError                          a run folder cannot be used or resumed
    |-- PluginError                       an installed plugin cannot be imported, or claims a name that is taken
    |-- UnsupportedError (TypeError)      a network has something that cannot be quantized or exported
    |-- MemoryLimitError (MemoryError)    a run needs more memory than there is
    |-- TimeLimitError (TimeoutError)     a run did not end within its time limit
    |-- InvariantError (AssertionError)   a checked quantizer, propagation or kernel breaks a rule of its family
    |-- WriteError (OSError)              a file cannot be written
    |-- bench.MismatchError               a measured side computes something else than it should
    |-- bench.PeerSkippedError            a peer does not run here; its text is the reason
    `-- MissingExtraError (ImportError)   an optional package is not installed

Message template: ``Expected <arg> to be <rule> (got <value>). <remedy>.``
"""

from __future__ import annotations


class SmoothbitError(Exception):
    """Base of every error smoothbit raises on purpose."""


class ArgumentError(SmoothbitError, ValueError):
    """An argument breaks its rule."""


class ShapeError(ArgumentError):
    """An array has the wrong shape or dtype."""


class FormatError(SmoothbitError):
    """A file is not what docs/format.md says."""


class TruncatedFileError(FormatError):
    """The file holds fewer bytes than its header promises."""


class HeaderError(FormatError):
    """The header or the JSON inside it cannot be read."""


class VersionError(FormatError):
    """The file was written by a format version this reader does not know."""


class SchemaError(FormatError):
    """A metadata field is missing, unknown or of the wrong kind."""


class TensorError(FormatError):
    """A tensor is missing, superfluous or of the wrong shape or dtype."""


class ValueRangeError(FormatError):
    """A stored number is outside the range its field allows."""


class KernelUnavailableError(SmoothbitError):
    """The requested instruction set or kernel is not on this machine."""


class DatasetError(SmoothbitError):
    """A dataset cannot be found or is inconsistent."""


class RunError(SmoothbitError):
    """A run folder cannot be used or resumed."""


class PluginError(SmoothbitError):
    """An installed plugin cannot be imported, or claims a name that is taken."""


class UnsupportedError(SmoothbitError, TypeError):
    """A network has something that cannot be quantized, or that the engine cannot run; the text names it."""


class MemoryLimitError(SmoothbitError, MemoryError):
    """A run needs more memory than there is."""


class TimeLimitError(SmoothbitError, TimeoutError):
    """A run did not end within its time limit; it was ended between two kernel calls."""


class InvariantError(SmoothbitError, AssertionError):
    """A checked quantizer, propagation or kernel breaks a rule of its family."""


class WriteError(SmoothbitError, OSError):
    """A file cannot be written; what stood at its place is as it was."""


class MissingExtraError(SmoothbitError, ImportError):
    """An optional package is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"Expected the package `{package}` to be installed (got ImportError). "
            f"Run: pip install 'smoothbit[{extra}]'."
        )
        self.package = package
        self.extra = extra
