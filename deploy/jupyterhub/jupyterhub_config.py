"""JupyterHub as the gateway, the single sign-on and the supervisor of the platform on one machine."""

from __future__ import annotations

from pathlib import Path

from enclave.gateway import hubconfig
from enclave.gateway.authenticator import EnclaveAuthenticator
from enclave.gateway.door.proxy import EnclaveProxy
from enclave.kernel import log
from enclave.kernel.settings import settings
from enclave.workspaces import cgroups, sessions
from enclave.workspaces.spawner import EnclaveSpawner

here = Path(__file__).resolve().parent
config = settings()
log.configure()
for folder in ("srv", "gw"):
    (config.run_dir / folder).mkdir(parents=True, exist_ok=True, mode=0o711)
sessions.end_lost()
cgroups.sweep(config.run_dir.name)
hubconfig.watch_services_promptly()

c = get_config()  # noqa: F821 - provided by traitlets

# Where it listens: the door is the only open port.
c.JupyterHub.bind_url = config.public_url
c.JupyterHub.hub_bind_url = f"{hubconfig.LOOPBACK}:{config.port_base + 1}"
c.JupyterHub.proxy_class = EnclaveProxy

# What it keeps, and under which secrets.
c.JupyterHub.db_url = f"sqlite:///{config.folder('hub')}/jupyterhub.sqlite"
c.JupyterHub.cookie_secret = config.secret("hub-cookie")
c.JupyterHub.cookie_max_age_days = 1
c.JupyterHub.tornado_settings = {"cookie_options": {"SameSite": "Lax"}}

# Who may sign in: the product's own accounts; the hub knows no administrator.
c.JupyterHub.authenticator_class = EnclaveAuthenticator
c.EnclaveAuthenticator.allow_all = True
c.EnclaveAuthenticator.manage_groups = True
c.EnclaveAuthenticator.auth_refresh_age = 5
c.EnclaveAuthenticator.auth_refresh_strict = True
c.EnclaveAuthenticator.refresh_pre_spawn = True

# What it starts: services, and one enclave a project; never an unnamed server.
c.JupyterHub.services = hubconfig.services()
c.JupyterHub.load_roles = hubconfig.roles()
c.JupyterHub.spawner_class = EnclaveSpawner
c.JupyterHub.allow_named_servers = True
c.JupyterHub.concurrent_spawn_limit = 8
c.JupyterHub.cleanup_servers = True
c.Spawner.default_url = "/lab"
c.Spawner.env_keep = []
c.Spawner.start_timeout = 90
c.Spawner.http_timeout = 30
c.Spawner.poll_interval = 2

# What people see of it: signing in, waiting for an enclave, and errors.
c.JupyterHub.default_url = hubconfig.landing
c.JupyterHub.template_paths = [str(here / "templates")]
c.JupyterHub.template_vars = {"demonstration": config.mode == "demo"}
c.JupyterHub.logo_file = str(here / "logo.svg")
c.JupyterHub.api_page_max_limit = 10_000
c.JupyterHub.activity_resolution = 60
c.JupyterHub.log_level = "INFO"
