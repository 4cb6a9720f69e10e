"""Verified loading: what was verified is what is loaded.

    import weightmark

    with weightmark.open_verified("my-model", key="release.pub") as tensors:
        weight = tensors["embedding.weight"]

`releases` finds what trusted signers say, `weights` reads files into private memory and checks them
there, `arrays` hands the bytes out, `tensors` is the mapping. `snapshot` and `execution` run a
command on a verified copy. `tables` makes the tensor tables that signing puts into a claim.
"""
