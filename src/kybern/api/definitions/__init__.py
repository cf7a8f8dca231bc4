"""The files made at build from upstream's definitions; `kybern.api.schema.structure` reads them."""
