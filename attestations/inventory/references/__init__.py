"""References: where code and manifests ask for a model or a dataset by name, and whether the name can move."""
