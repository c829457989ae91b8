"""What needs the braintrust package. Imported where it is used only: braintrust takes half a second to import."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .native import RunOutputSpanCustomizer as RunOutputSpanCustomizer
    from .native import install_native as install_native

__all__ = ["RunOutputSpanCustomizer", "install_native"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from . import native

        return getattr(native, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
