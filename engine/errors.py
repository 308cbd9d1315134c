"""The whole error tree. Anything raised outside it is a bug, and is left to fly.

LungboxError
├── FilmError            the film cannot be read or used
│   ├── NotAFilmError        not a single radiograph: wrong kind of file, several frames, no pixels
│   ├── DamagedFilmError     it should be one, but the bytes do not add up
│   ├── UnsupportedFilmError a legal file that we do not read
│   └── FilmTooLargeError    over our limits on pixels, bytes, memory or time
├── PromptError          a box or point that cannot be used on this film
├── CheckpointError      a model file that is missing, damaged, or not ours
├── BackendError         the model could not be run
│   ├── NoResultError        it ran, and what it returned is not a number
│   └── SelfTestError        the lungs that are known were not found
├── MeasurementError     a measurement that cannot be taken
└── OutputError          a result could not be written; nothing was left half written
"""


class LungboxError(Exception):
    """What went wrong, in one line, and what the reader can do about it.

    Messages hold file names and numbers, never a patient's data: they go to logs.
    """

    def __init__(self, message: str, *, advice: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".strip()

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.message, self.advice))


def _rebuild(kind: type[LungboxError], message: str, advice: str) -> LungboxError:
    """Return the error as it was on the other side of a process border."""
    return kind(message, advice=advice)


class FilmError(LungboxError):
    """The film cannot be read or used."""


class NotAFilmError(FilmError):
    """The file is not a single radiograph."""


class DamagedFilmError(FilmError):
    """The file should hold a radiograph, but its bytes do not add up."""


class UnsupportedFilmError(FilmError):
    """A legal file of a kind that we do not read."""


class FilmTooLargeError(FilmError):
    """The file is over our limits on pixels, bytes, memory or time."""


class PromptError(LungboxError):
    """A box or point that cannot be used on this film."""


class CheckpointError(LungboxError):
    """A model file that is missing, damaged, or not ours."""


class BackendError(LungboxError):
    """The model could not be run on any device."""


class NoResultError(BackendError):
    """The model ran, and returned something that is not a number."""


class SelfTestError(BackendError):
    """The demo film's lungs were not found, or were measured wrong."""


class MeasurementError(LungboxError):
    """A measurement that cannot be taken."""


class OutputError(LungboxError):
    """A result could not be written; nothing was left half written."""
