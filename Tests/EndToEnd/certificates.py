"""Certificates of a test's own, made with OpenSSL's command line."""

import pathlib
import subprocess


class Authority:
    """An issuer of certificates; everything it makes is in one folder."""

    def __init__(self, folder, name="root"):
        self.folder = pathlib.Path(folder)
        self.certificate = self.folder / f"{name}.pem"
        self.key = self.folder / f"{name}.key"
        openssl(
            "req", "-x509", *NEW_KEY, "-subj", f"/CN=Issuer {name}", "-days", "2",
            "-keyout", self.key, "-out", self.certificate,
        )

    def issue(self, name, subject=None, alternatives="DNS:localhost,IP:127.0.0.1", days=2):
        """Certificate and key, as paths; over those of the same name."""
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        request, extensions = self.folder / f"{name}.csr", self.folder / f"{name}.ext"
        extensions.write_text(f"subjectAltName={alternatives}\n")
        openssl(
            "req", *NEW_KEY, "-subj", f"/CN={subject or name}", "-keyout", f"{key}.new",
            "-out", request,
        )
        openssl(
            "x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.key,
            "-CAcreateserial", "-days", str(days), "-extfile", extensions,
            "-out", f"{certificate}.new",
        )
        pathlib.Path(f"{key}.new").rename(key)
        pathlib.Path(f"{certificate}.new").rename(certificate)
        return certificate, key


NEW_KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")


def openssl(*arguments):
    command = ["openssl", *[str(a) for a in arguments]]
    result = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert result.returncode == 0, f"{command}: {result.stderr}"
    return result.stdout
