"""The engines that train chunks: processes of this machine, or a Dask cluster."""
