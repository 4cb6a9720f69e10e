"""Datasets: what their own documents say of their files, their licence and their sources.

None of it is believed: digests are compared with the bytes, everything else is only reported.
"""
