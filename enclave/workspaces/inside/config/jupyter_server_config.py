"""Jupyter's settings in every enclave: nothing that carries files out, nothing that asks the network."""

c = get_config()  # type: ignore[name-defined]  # noqa: F821 - provided by traitlets
c.ServerApp.root_dir = "/home/researcher"
c.ServerApp.jpserver_extensions = {
    "jupyterlab": True,
    "jupyter_lsp": False,  # looks for language servers at start
    "notebook_shim": False,
    "jupyter_server_terminals": False,
}
c.ServerApp.terminals_enabled = False
c.ServerApp.websocket_ping_timeout = 30_000
c.ServerApp.log_level = "WARN"
c.ServerApp.contents_manager_class = "inside.contents.EnclaveContents"
c.ContentsManager.files_handler_class = "inside.contents.NoFiles"
c.FileContentsManager.delete_to_trash = False
c.FileContentsManager.always_delete_dir = True
c.LabApp.extension_manager = "readonly"
c.LabApp.news_url = None
c.LabApp.check_for_updates_class = "jupyterlab.NeverCheckForUpdate"
