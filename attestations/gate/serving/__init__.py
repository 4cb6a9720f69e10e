"""The gate as a service: one policy, asked over HTTP, and never open by mistake.

`questions` and `admission_review` read requests and write answers and are pure; `service` decides;
`app` is the HTTP front.
"""
