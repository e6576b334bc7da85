#include "shim.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

/// A key behind a password fails instead of asking for it at the terminal.
static int no_password(char *buffer, int size, int writing, void *context) {
    (void)buffer, (void)size, (void)writing, (void)context;
    return 0;
}

/// Each costs far more to take than to send. Beyond the limit all that comes is thrown away, as
/// after a goodbye: there is no other way to make OpenSSL stop in the midst of what it has read.
static void count_key_updates(int is_written, int version, int type, const void *bytes,
                              size_t size, SSL *session, void *context) {
    (void)version, (void)context;
    if (is_written || type != SSL3_RT_HANDSHAKE || size == 0) return;
    if (*(const unsigned char *)bytes != SSL3_MT_KEY_UPDATE) return;
    uintptr_t count = (uintptr_t)SSL_get_app_data(session) + 1;
    SSL_set_app_data(session, (void *)count);
    if (count > COPENSSL_MAX_KEY_UPDATES)
        SSL_set_shutdown(session, SSL_get_shutdown(session) | SSL_RECEIVED_SHUTDOWN);
}

int copenssl_has_flooded(SSL *session) {
    return (uintptr_t)SSL_get_app_data(session) > COPENSSL_MAX_KEY_UPDATES;
}

SSL_CTX *copenssl_context_new(int is_server) {
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (!context) return NULL;
    // RFC 9113 §9.2: TLS 1.2 at least, no compression, no renegotiation, ephemeral keys and AEAD.
    if (!SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) ||
        !SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20")) {
        SSL_CTX_free(context);
        return NULL;
    }
    SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    // The chain is what its file says, and not what could be made of the trusted issuers.
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_NO_AUTO_CHAIN |
                                  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
    // A read ends with what was taken from the kernel at once, also when that was all key updates:
    // with a retry inside, a flood of them would never let go of the loop.
    SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_msg_callback(context, count_key_updates);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_read_ahead(context, 1);
    SSL_CTX_set_default_passwd_cb(context, no_password);
    // Tickets of a context that verifies its peers are worth something only with a name.
    static const unsigned char name[] = "h2";
    SSL_CTX_set_session_id_context(context, name, sizeof name - 1);
    return context;
}

static int select_protocol(SSL *session, const unsigned char **out, unsigned char *out_length,
                           const unsigned char *in, unsigned int in_length, void *context) {
    (void)session;
    const unsigned char *own = context;
    unsigned char *chosen;
    int outcome = SSL_select_next_proto(&chosen, out_length, own,
                                        (unsigned int)strlen((const char *)own), in, in_length);
    if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/// Without the extension OpenSSL would not ask ``select_protocol``.
static int require_protocols(SSL *session, int *alert, void *context) {
    (void)context;
    const unsigned char *bytes;
    size_t size;
    if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation,
                                  &bytes, &size))
        return SSL_CLIENT_HELLO_SUCCESS;
    *alert = SSL_AD_NO_APPLICATION_PROTOCOL;
    ERR_raise(ERR_LIB_SSL, SSL_R_NO_APPLICATION_PROTOCOL);
    return SSL_CLIENT_HELLO_ERROR;
}

int copenssl_set_protocols(SSL_CTX *context, const unsigned char *protocols, int is_server) {
    if (!is_server) {
        unsigned int size = (unsigned int)strlen((const char *)protocols);
        return SSL_CTX_set_alpn_protos(context, protocols, size) == 0;
    }
    SSL_CTX_set_alpn_select_cb(context, select_protocol, (void *)protocols);
    SSL_CTX_set_client_hello_cb(context, require_protocols, NULL);
    return 1;
}

void copenssl_verify_peer(SSL_CTX *context, int required) {
    int mode = SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0);
    SSL_CTX_set_verify(context, mode, NULL);
}

int copenssl_set_server_name(SSL *session, const char *name) {
    return (int)SSL_set_tlsext_host_name(session, name);
}

static int outcome(SSL *session, int result, int *system_error) {
    if (result == 1) return SSL_ERROR_NONE;
    *system_error = errno;
    return SSL_get_error(session, result);
}

int copenssl_handshake(SSL *session, int *system_error) {
    ERR_clear_error();
    errno = 0;
    return outcome(session, SSL_do_handshake(session), system_error);
}

int copenssl_read(SSL *session, void *bytes, size_t room, size_t *count, int *system_error) {
    ERR_clear_error();
    errno = 0;
    return outcome(session, SSL_read_ex(session, bytes, room, count), system_error);
}

int copenssl_write(SSL *session, const void *bytes, size_t size, size_t *count,
                   int *system_error) {
    ERR_clear_error();
    errno = 0;
    return outcome(session, SSL_write_ex(session, bytes, size, count), system_error);
}

void copenssl_shutdown(SSL *session) {
    SSL_shutdown(session);
    ERR_clear_error();
}

const char *copenssl_take_reason(SSL *session) {
    unsigned long error = ERR_peek_error();
    ERR_clear_error();
    long verdict = session ? SSL_get_verify_result(session) : X509_V_OK;
    if (verdict != X509_V_OK) return X509_verify_cert_error_string(verdict);
    const char *reason = ERR_reason_error_string(error);
    return reason ? reason : "unknown reason";
}

int copenssl_peek_cut(void) {
    return ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
}

int copenssl_peek_system_error(void) {
    unsigned long error = ERR_peek_error();
    return ERR_SYSTEM_ERROR(error) ? ERR_GET_REASON(error) : 0;
}

GENERAL_NAMES *copenssl_alternative_names(X509 *certificate) {
    return X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
}

void copenssl_alternative_names_free(GENERAL_NAMES *names) { GENERAL_NAMES_free(names); }

int copenssl_alternative_names_count(GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }

int copenssl_alternative_name(GENERAL_NAMES *names, int index, int *kind,
                              const unsigned char **bytes) {
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
    if (name->type != GEN_EMAIL && name->type != GEN_DNS && name->type != GEN_URI) return -1;
    *kind = name->type;
    *bytes = ASN1_STRING_get0_data(name->d.ia5);
    return ASN1_STRING_length(name->d.ia5);
}

int copenssl_common_name(X509 *certificate, unsigned char **bytes) {
    X509_NAME *subject = X509_get_subject_name(certificate);
    int index = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    if (index < 0) return -1;
    X509_NAME_ENTRY *entry = X509_NAME_get_entry(subject, index);
    return ASN1_STRING_to_UTF8(bytes, X509_NAME_ENTRY_get_data(entry));
}

void copenssl_free(void *bytes) { OPENSSL_free(bytes); }

static EVP_MD *sha256;

static void fetch_sha256(void) { sha256 = EVP_MD_fetch(NULL, "SHA256", NULL); }

const EVP_MD *copenssl_sha256(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, fetch_sha256);
    return sha256;
}
