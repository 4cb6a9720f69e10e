"""Object stores: `s3://` and `gs://`, each through the client that its users have."""
