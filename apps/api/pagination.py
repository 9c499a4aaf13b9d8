"""Pages by id, newest first: stable while rows are added, and no full count."""

from rest_framework.pagination import CursorPagination


class ByIdDescending(CursorPagination):
    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200
