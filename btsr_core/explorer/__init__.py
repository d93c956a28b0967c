"""The explorer of α: one front end over one payload, in JupyterLab and in the published page.

The front end is plain JavaScript beside this file, from `payload.js`, which checks and reads the
payload, to `explorer.js`, which puts it on show; `assets.front_end` joins them into the one module
that the widget and the page take.
"""
