"""One file a page: a frozen value that its template shows and its JSON twin is written from."""

__all__: list[str] = []
