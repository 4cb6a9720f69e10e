"""MLflow as a source: registered versions of models, and what runs logged."""
