"""`weightmark chain`: how an artifact came to be."""
