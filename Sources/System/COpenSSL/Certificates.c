#include "COpenSSL.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct gcks_trust {
    X509_STORE *store;
    int has_crls;
};

gcks_trust *gcks_trust_new(void) {
    gcks_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return NULL;
    trust->store = X509_STORE_new();
    if (trust->store == NULL) {
        free(trust);
        return NULL;
    }
    return trust;
}

void gcks_trust_free(gcks_trust *trust) {
    if (trust == NULL) return;
    X509_STORE_free(trust->store);
    free(trust);
}

// True when the text ended, as opposed to a block that did not parse.
static int ended(void) {
    unsigned long error = ERR_peek_last_error();
    int is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return is_end;
}

int gcks_trust_add_anchors_pem(gcks_trust *trust, const uint8_t *pem, size_t length) {
    if (length > INT32_MAX) return -1;
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    int count = 0, ok = bio != NULL;
    while (ok) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL) {
            ok = ended();
            break;
        }
        ok = X509_STORE_add_cert(trust->store, certificate) == 1;
        X509_free(certificate);
        count += ok;
    }
    BIO_free(bio);
    return ok ? count : -1;
}

int gcks_trust_add_crls_pem(gcks_trust *trust, const uint8_t *pem, size_t length) {
    if (length > INT32_MAX) return -1;
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    int count = 0, ok = bio != NULL;
    while (ok) {
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (crl == NULL) {
            ok = ended();
            break;
        }
        ok = X509_STORE_add_crl(trust->store, crl) == 1;
        X509_CRL_free(crl);
        count += ok;
    }
    BIO_free(bio);
    if (ok && count > 0) trust->has_crls = 1;
    return ok ? count : -1;
}

static X509 *parse(const uint8_t *der, size_t length) {
    const uint8_t *at = der;
    if (length > 65536) return NULL;
    X509 *certificate = d2i_X509(NULL, &at, (long)length);
    if (certificate != NULL && at != der + length) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

static void tell(char *reason, size_t room, const char *text) {
    if (room > 0) snprintf(reason, room, "%s", text);
}

int gcks_trust_judge(const gcks_trust *trust, const uint8_t *const *chain, const size_t *lengths, size_t count, int64_t at,
                     char *reason, size_t reason_room) {
    X509 *leaf = NULL;
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int ok = others != NULL && context != NULL && count >= 1;
    for (size_t i = 0; ok && i < count; i++) {
        X509 *certificate = parse(chain[i], lengths[i]);
        if (certificate == NULL) {
            ok = 0;
            tell(reason, reason_room, "a certificate of the chain does not parse");
        } else if (i == 0) {
            leaf = certificate;
        } else if (!sk_X509_push(others, certificate)) {
            X509_free(certificate);
            ok = 0;
        }
    }
    if (ok && X509_STORE_CTX_init(context, trust->store, leaf, others) == 1) {
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
        unsigned long flags = X509_V_FLAG_X509_STRICT;
        if (trust->has_crls) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
        X509_VERIFY_PARAM_set_flags(param, flags);
        X509_VERIFY_PARAM_set_time(param, (time_t)at);
        X509_VERIFY_PARAM_set_depth(param, 8);
        ok = X509_verify_cert(context) == 1;
        if (!ok) tell(reason, reason_room, X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
        // Key usage, where it is given, must allow signatures: IKE signs with this key (RFC 4945 5.1.3.2).
        if (ok && (X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
            ok = 0;
            tell(reason, reason_room, "key usage does not allow signatures");
        }
    } else {
        ok = 0;
    }
    X509_STORE_CTX_free(context);
    sk_X509_pop_free(others, X509_free);
    X509_free(leaf);
    ERR_clear_error();
    return ok;
}

// MARK: What a certificate says

struct gcks_certificate {
    X509 *x509;
    GENERAL_NAMES *names;
};

gcks_certificate *gcks_certificate_der(const uint8_t *der, size_t length) {
    X509 *x509 = parse(der, length);
    ERR_clear_error();
    if (x509 == NULL) return NULL;
    gcks_certificate *certificate = calloc(1, sizeof *certificate);
    if (certificate == NULL) {
        X509_free(x509);
        return NULL;
    }
    certificate->x509 = x509;
    certificate->names = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    return certificate;
}

void gcks_certificate_free(gcks_certificate *certificate) {
    if (certificate == NULL) return;
    GENERAL_NAMES_free(certificate->names);
    X509_free(certificate->x509);
    free(certificate);
}

static int64_t seconds_of(const ASN1_TIME *time) {
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) return INT64_MIN;
    return (int64_t)timegm(&parts);
}

int64_t gcks_certificate_not_after(const gcks_certificate *certificate) {
    return seconds_of(X509_get0_notAfter(certificate->x509));
}

int64_t gcks_certificate_not_before(const gcks_certificate *certificate) {
    return seconds_of(X509_get0_notBefore(certificate->x509));
}

size_t gcks_certificate_public_key(const gcks_certificate *certificate, uint8_t *out, size_t room) {
    X509_PUBKEY *key = X509_get_X509_PUBKEY(certificate->x509);
    int length = i2d_X509_PUBKEY(key, NULL);
    if (length <= 0 || (out != NULL && (size_t)length > room)) return 0;
    uint8_t *at = out;
    if (out != NULL) i2d_X509_PUBKEY(key, &at);
    return (size_t)length;
}

size_t gcks_certificate_subject(const gcks_certificate *certificate, uint8_t *out, size_t room) {
    const X509_NAME *name = X509_get_subject_name(certificate->x509);
    int length = i2d_X509_NAME(name, NULL);
    if (length <= 0 || (out != NULL && (size_t)length > room)) return 0;
    uint8_t *at = out;
    if (out != NULL) i2d_X509_NAME(name, &at);
    return (size_t)length;
}

int gcks_certificate_names(const gcks_certificate *certificate) {
    int count = certificate->names != NULL ? sk_GENERAL_NAME_num(certificate->names) : 0;
    return count > 64 ? 64 : count;
}

int gcks_certificate_name(const gcks_certificate *certificate, int index, int *kind, uint8_t *out, size_t room,
                          size_t *length) {
    if (index < 0 || index >= gcks_certificate_names(certificate)) return 0;
    const GENERAL_NAME *name = sk_GENERAL_NAME_value(certificate->names, index);
    const ASN1_STRING *text;
    switch (name->type) {
    case GEN_EMAIL: *kind = 1; text = name->d.rfc822Name; break;
    case GEN_DNS: *kind = 2; text = name->d.dNSName; break;
    case GEN_IPADD: *kind = 7; text = name->d.iPAddress; break;
    default: return 0;
    }
    int octets = ASN1_STRING_length(text);
    if (octets <= 0 || (size_t)octets > room) return 0;
    memcpy(out, ASN1_STRING_get0_data(text), (size_t)octets);
    *length = (size_t)octets;
    return 1;
}

int gcks_certificate_key_id(const gcks_certificate *certificate, uint8_t out[20]) {
    uint8_t *der = NULL;
    int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate->x509), &der);
    int ok = length > 0 && gcks_sha1(der, (size_t)length, out);
    OPENSSL_free(der);
    return ok;
}

size_t gcks_pem_certificate(const uint8_t *pem, size_t pem_length, int index, uint8_t *out, size_t room) {
    if (pem_length > INT32_MAX) return 0;
    BIO *bio = BIO_new_mem_buf(pem, (int)pem_length);
    size_t result = 0;
    for (int i = 0; bio != NULL; i++) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL) break;
        if (i == index) {
            int length = i2d_X509(certificate, NULL);
            uint8_t *at = out;
            if (length > 0 && (out == NULL || (size_t)length <= room)) {
                if (out != NULL) i2d_X509(certificate, &at);
                result = (size_t)length;
            }
        }
        X509_free(certificate);
        if (i == index) break;
    }
    BIO_free(bio);
    ERR_clear_error();
    return result;
}
