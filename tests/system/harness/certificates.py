"""Certificates that are wrong in one way each, made with the cluster's own authority."""
import datetime
import os
import ssl

from .network import run

DAY = datetime.timedelta(days=1)


class Authority:
    """Issues certificates with the ca.crt and ca.key of a folder; a new pair if it has none."""

    def __init__(self, folder):
        self.folder = folder
        os.makedirs(folder, exist_ok=True)
        self.database = f"{folder}/issued"
        if not os.path.exists(f"{folder}/ca.crt"):
            run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-subj", "/CN=another authority", "-days", "2",
                "-keyout", f"{folder}/ca.key", "-out", f"{folder}/ca.crt")

    def issue(self, path, uri, start=-DAY, end=DAY):
        """Writes PATH.crt and PATH.key for the identity, valid from now+start to now+end."""
        open(self.database, "w", encoding="ascii").close()
        with open(f"{path}.cnf", "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=this\n[this]\ndatabase={self.database}\n"
                       f"new_certs_dir={self.folder}\ndefault_md=sha256\npolicy=any\n"
                       "unique_subject=no\nrand_serial=yes\n[any]\ncommonName=supplied\n"
                       f"[extensions]\nsubjectAltName=URI:{uri}\n"
                       "extendedKeyUsage=serverAuth,clientAuth\n")
        run("openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=test", "-keyout", f"{path}.key", "-out", f"{path}.csr")
        now = datetime.datetime.now(datetime.timezone.utc)
        run("openssl", "ca", "-batch", "-notext", "-config", f"{path}.cnf",
            "-extensions", "extensions", "-cert", f"{self.folder}/ca.crt",
            "-keyfile", f"{self.folder}/ca.key", "-in", f"{path}.csr", "-out", f"{path}.crt",
            "-startdate", f"{now + start:%Y%m%d%H%M%SZ}", "-enddate", f"{now + end:%Y%m%d%H%M%SZ}")
        os.chmod(f"{path}.key", 0o600)
        return path


def make_pairs(folder, certs):
    """{name of the fault: file stem without suffix}; all but those of the "other authority" are
    issued by the authority of the folder `certs`."""
    os.makedirs(folder, exist_ok=True)
    own, other = Authority(certs), Authority(f"{folder}/other")
    gateway = "spiffe://shop/region/us-west/gateway/gw1"
    node = "spiffe://shop/region/us-east/node/n1"
    pairs = {
        "gateway": own.issue(f"{folder}/gateway", gateway),
        "node": own.issue(f"{folder}/node", node),
        "other authority, gateway": other.issue(f"{folder}/other-gateway", gateway),
        "other authority, own gateway": other.issue(
            f"{folder}/other-own", "spiffe://shop/region/us-east/gateway/gw1"),
        "other authority, node": other.issue(f"{folder}/other-node", node),
        "expired gateway": own.issue(f"{folder}/expired-gateway", gateway, -2 * DAY, -DAY),
        "expired own gateway": own.issue(
            f"{folder}/expired-own", "spiffe://shop/region/us-east/gateway/gw1", -2 * DAY, -DAY),
        "expired node": own.issue(f"{folder}/expired-node", node, -2 * DAY, -DAY),
        "future gateway": own.issue(f"{folder}/future-gateway", gateway, DAY, 2 * DAY),
        "future own gateway": own.issue(
            f"{folder}/future-own", "spiffe://shop/region/us-east/gateway/gw1", DAY, 2 * DAY),
        "future node": own.issue(f"{folder}/future-node", node, DAY, 2 * DAY),
        "unknown gateway": own.issue(
            f"{folder}/unknown", "spiffe://shop/region/us-west/gateway/gw9"),
        "unknown region": own.issue(f"{folder}/mars", "spiffe://shop/region/mars/gateway/gw1"),
        "other cluster": own.issue(f"{folder}/store", "spiffe://store/region/us-west/gateway/gw1"),
        "other region's node": own.issue(
            f"{folder}/west-node", "spiffe://shop/region/us-west/node/n1"),
        "no identity": own.issue(f"{folder}/no-identity", "https://shop.example/gw1"),
    }
    return pairs


def client_context(pair=None, version=None):
    """A TLS client that trusts anybody and shows `pair`, or nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if pair:
        context.load_cert_chain(f"{pair}.crt", f"{pair}.key")
    if version:
        context.maximum_version = version
    return context


def server_context(pair):
    """A TLS server that shows `pair` and trusts anybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pair}.crt", f"{pair}.key")
    return context


def self_signed(stem, *names, days=2):
    """Writes STEM.crt and STEM.key for a service under these names; returns them as the topology
    names them."""
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
        "-subj", "/CN=service", "-days", str(days),
        "-addext", "subjectAltName=" + ",".join(f"DNS:{name}" for name in names),
        "-keyout", f"{stem}.new.key", "-out", f"{stem}.new.crt")
    os.chmod(f"{stem}.new.key", 0o600)
    os.replace(f"{stem}.new.key", f"{stem}.key")
    os.replace(f"{stem}.new.crt", f"{stem}.crt")
    return {"cert": f"{stem}.crt", "key": f"{stem}.key"}
