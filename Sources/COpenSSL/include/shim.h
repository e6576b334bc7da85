#pragma once
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stddef.h>

// What Swift's importer leaves out: macros, stacks, and callbacks that OpenSSL calls. The
// definitions are in COpenSSL.c.

/// A context for TLS 1.2 and up: forward-secret AEAD ciphers, no compression, no renegotiation, no
/// session cache (tickets need none), buffers given back while a connection is idle. NULL when out
/// of memory.
SSL_CTX *copenssl_context_new(int is_server);
/// What a client offers and a server insists on. `protocols` in ALPN's form (a length byte before
/// each name), ended by 0; it must outlive the context. Answers 1.
int copenssl_set_protocols(SSL_CTX *context, const unsigned char *protocols, int is_server);
/// Asks for the peer's certificate, and where `required` insists on it.
void copenssl_verify_peer(SSL_CTX *context, int required);

/// The name sent in the clear, so that the server can choose its certificate. Answers 1.
int copenssl_set_server_name(SSL *session, const char *name);

enum {
    /// Of one connection. RFC 8446 §5.5 wants one after each 2^24.5 records.
    COPENSSL_MAX_KEY_UPDATES = 64,
};

// The calls that move bytes. Each answers SSL_ERROR_NONE or another SSL_ERROR_ code; with
// SSL_ERROR_SYSCALL, `system_error` is errno, 0 for an end of the stream that came too early.
int copenssl_handshake(SSL *session, int *system_error);
int copenssl_read(SSL *session, void *bytes, size_t room, size_t *count, int *system_error);
int copenssl_write(SSL *session, const void *bytes, size_t size, size_t *count,
                   int *system_error);
/// Whether an end of the stream is ours: the peer sent more key updates than the limit.
int copenssl_has_flooded(SSL *session);
/// Says goodbye, without waiting for the peer's.
void copenssl_shutdown(SSL *session);

/// Why the last call on this thread failed, in words that hold no data; never NULL. Empties the
/// thread's list of errors. `session` may be NULL.
const char *copenssl_take_reason(SSL *session);
/// Whether the last failure was an end of the stream without a goodbye: 1 or 0.
int copenssl_peek_cut(void);
/// The errno of the last failure when it was the system's, such as a missing file; else 0.
int copenssl_peek_system_error(void);

enum {
    COPENSSL_EMAIL = GEN_EMAIL,
    COPENSSL_DNS = GEN_DNS,
    COPENSSL_URI = GEN_URI,
};

/// The alternative names of a certificate, NULL when it has none. Free with
/// `copenssl_alternative_names_free`.
GENERAL_NAMES *copenssl_alternative_names(X509 *certificate);
void copenssl_alternative_names_free(GENERAL_NAMES *names);
int copenssl_alternative_names_count(GENERAL_NAMES *names);
/// Its length, -1 when it is none of the kinds above. `bytes` points into `names`.
int copenssl_alternative_name(GENERAL_NAMES *names, int index, int *kind,
                              const unsigned char **bytes);
/// The subject's common name as UTF-8 in `bytes`, its length, -1 when there is none. Free with
/// `copenssl_free`.
int copenssl_common_name(X509 *certificate, unsigned char **bytes);
void copenssl_free(void *bytes);

/// SHA-256, found once for the process: that takes OpenSSL 3 longer than to hash a kilobyte. Any
/// thread may use it; never freed. NULL when libcrypto has none.
const EVP_MD *copenssl_sha256(void);
