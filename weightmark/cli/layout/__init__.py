"""`weightmark layout`: classic in-toto layouts."""
