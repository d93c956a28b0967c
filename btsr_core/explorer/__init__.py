"""The slider over alpha: what it shows as plain data, in JupyterLab and in the built book."""
