"""`weightmark bom`: bills of materials for models and datasets."""
