#include "CTestCertificates.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

static int add(X509 *certificate, X509 *issuer, int kind, const char *value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    int outcome = extension && X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
    return outcome;
}

static int fill(X509 *certificate, EVP_PKEY *key, const char *name, const char *alternatives,
                int is_authority, long from, long until) {
    unsigned char serial[8];
    if (RAND_bytes(serial, sizeof serial) != 1) return 0;
    serial[0] &= 0x7f;
    BIGNUM *number = BN_bin2bn(serial, sizeof serial, NULL);
    BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate));
    BN_free(number);
    X509_NAME *subject = X509_get_subject_name(certificate);
    return X509_set_version(certificate, 2) && X509_set_pubkey(certificate, key) &&
           X509_gmtime_adj(X509_getm_notBefore(certificate), from) &&
           X509_gmtime_adj(X509_getm_notAfter(certificate), until) &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1,
                                      -1, 0) &&
           add(certificate, NULL, NID_basic_constraints,
               is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE") &&
           (!alternatives || add(certificate, NULL, NID_subject_alt_name, alternatives));
}

static int save(X509 *certificate, EVP_PKEY *key, const char *certificate_path,
                const char *key_path) {
    FILE *file = fopen(key_path, "w");
    if (!file) return 0;
    int outcome = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    outcome = fclose(file) == 0 && outcome;
    file = fopen(certificate_path, "w");
    if (!file) return 0;
    outcome = PEM_write_X509(file, certificate) && outcome;
    return fclose(file) == 0 && outcome;
}

static int sign(X509 *certificate, EVP_PKEY *key, const char *issuer_path,
                const char *issuer_key_path) {
    if (!issuer_path) {
        X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
        return X509_sign(certificate, key, EVP_sha256()) > 0;
    }
    FILE *file = fopen(issuer_path, "r");
    X509 *issuer = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
    if (file) fclose(file);
    file = fopen(issuer_key_path, "r");
    EVP_PKEY *issuer_key = file ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
    if (file) fclose(file);
    int outcome = issuer && issuer_key &&
                  X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) &&
                  X509_sign(certificate, issuer_key, EVP_sha256()) > 0;
    X509_free(issuer);
    EVP_PKEY_free(issuer_key);
    return outcome;
}

int ctest_make_certificate(const char *certificate_path, const char *key_path,
                           const char *common_name, const char *alternative_names,
                           int is_authority, long valid_from, long valid_until,
                           const char *issuer_certificate_path, const char *issuer_key_path) {
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    int outcome = key && certificate &&
                  fill(certificate, key, common_name, alternative_names, is_authority, valid_from,
                       valid_until) &&
                  sign(certificate, key, issuer_certificate_path, issuer_key_path) &&
                  save(certificate, key, certificate_path, key_path);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return outcome;
}
