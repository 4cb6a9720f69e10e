"""Bills of materials for models and datasets, from verified bytes and claims only.

gathered = gather("model", BomRequest(trust))
document = cyclonedx_document(gathered.content)     # or spdx_document, which needs `weightmark[bom]`
"""
