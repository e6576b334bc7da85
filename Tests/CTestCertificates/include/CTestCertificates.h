#pragma once

/// Makes a key (P-256) and a certificate for it, both as PEM files.
///
/// `alternative_names` as OpenSSL's configuration has them (`DNS:localhost,IP:127.0.0.1`), or NULL.
/// Valid from and until so many seconds from now. Signed by the issuer, or by itself where the
/// issuer's paths are NULL. Answers 1.
int ctest_make_certificate(const char *certificate_path, const char *key_path,
                           const char *common_name, const char *alternative_names,
                           int is_authority, long valid_from, long valid_until,
                           const char *issuer_certificate_path, const char *issuer_key_path);
