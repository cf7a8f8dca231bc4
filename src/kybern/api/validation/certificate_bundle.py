"""CA bundles of webhooks: PEM that holds certificates. Source: k8s.io/apiserver pkg/util/webhook/validation.go."""

import base64
import binascii

from cryptography import x509

NO_BUNDLE = "unable to load root certificates: unable to parse bytes as PEM block"


def is_bundle(encoded: str) -> bool:
    """Whether base64 text holds at least one certificate."""
    try:
        return bool(x509.load_pem_x509_certificates(base64.b64decode(encoded)))
    except (ValueError, binascii.Error):
        return False
