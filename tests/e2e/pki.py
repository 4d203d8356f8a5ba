"""A certification authority of the test's own, over the openssl command."""
import pathlib
import subprocess

CONFIG = """
[ca]
default_ca = here
[here]
database = {dir}/index.txt
serial = {dir}/serial
crlnumber = {dir}/crlnumber
new_certs_dir = {dir}
certificate = {dir}/ca.pem
private_key = {dir}/ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
unique_subject = no
copy_extensions = copy
[any]
countryName = optional
organizationName = optional
commonName = supplied
[req]
distinguished_name = name
[name]
"""


def openssl(*words):
    subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True, timeout=20)


class Authority:
    def __init__(self, directory, name):
        self.dir = pathlib.Path(directory)
        self.dir.mkdir(parents=True)
        self.config = self.dir / "openssl.cnf"
        self.config.write_text(CONFIG.format(dir=self.dir))
        (self.dir / "index.txt").write_text("")
        (self.dir / "serial").write_text("01\n")
        (self.dir / "crlnumber").write_text("01\n")
        self.name = f"C=CH, O=Example, CN={name}"
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
                "-config", self.config, "-keyout", self.dir / "ca.key", "-out", self.dir / "ca.pem",
                "-subj", f"/C=CH/O=Example/CN={name}", "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign,cRLSign")

    def issue(self, key, name, san):
        """A certificate for the key in that file; its path."""
        request, certificate = self.dir / f"{name}.csr", self.dir / f"{name}.pem"
        openssl("req", "-new", "-key", key, "-config", self.config, "-out", request,
                "-subj", f"/C=CH/O=Example/CN={name}", "-addext", f"subjectAltName={san}")
        openssl("ca", "-batch", "-notext", "-config", self.config, "-in", request,
                "-out", certificate)
        return certificate

    def revoke(self, certificate):
        openssl("ca", "-config", self.config, "-revoke", certificate)

    def crl(self):
        openssl("ca", "-config", self.config, "-gencrl", "-out", self.dir / "crl.pem")
        return self.dir / "crl.pem"
