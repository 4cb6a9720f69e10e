"""`weightmark gate`: decide by policy, keep the decision, and judge it again."""
