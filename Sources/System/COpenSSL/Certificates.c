#include "CertificateParts.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

X509 *gcks_parse_certificate(const uint8_t *der, size_t length) {
    const uint8_t *at = der;
    if (length > 65536) return NULL;
    X509 *certificate = d2i_X509(NULL, &at, (long)length);
    if (certificate != NULL && at != der + length) {
        X509_free(certificate);
        return NULL;
    }
    return certificate;
}

int64_t gcks_seconds_of(const ASN1_TIME *time) {
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    if (time == NULL || ASN1_TIME_to_tm(time, &parts) != 1) return INT64_MIN;
    return (int64_t)timegm(&parts);
}

size_t gcks_write_name(const X509_NAME *name, uint8_t *out, size_t room) {
    int length = i2d_X509_NAME(name, NULL);
    if (length <= 0 || (out != NULL && (size_t)length > room)) return 0;
    uint8_t *at = out;
    if (out != NULL) i2d_X509_NAME(name, &at);
    return (size_t)length;
}

struct gcks_certificate {
    X509 *x509;
    GENERAL_NAMES *names;
};

gcks_certificate *gcks_certificate_of(X509 *x509) {
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

gcks_certificate *gcks_certificate_der(const uint8_t *der, size_t length) {
    gcks_certificate *certificate = gcks_certificate_of(gcks_parse_certificate(der, length));
    ERR_clear_error();
    return certificate;
}

void gcks_certificate_free(gcks_certificate *certificate) {
    if (certificate == NULL) return;
    GENERAL_NAMES_free(certificate->names);
    X509_free(certificate->x509);
    free(certificate);
}

int64_t gcks_certificate_not_after(const gcks_certificate *certificate) {
    return gcks_seconds_of(X509_get0_notAfter(certificate->x509));
}

int64_t gcks_certificate_not_before(const gcks_certificate *certificate) {
    return gcks_seconds_of(X509_get0_notBefore(certificate->x509));
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
    return gcks_write_name(X509_get_subject_name(certificate->x509), out, room);
}

size_t gcks_certificate_subject_key_id(const gcks_certificate *certificate, uint8_t *out, size_t room) {
    const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(certificate->x509);
    int length = id != NULL ? ASN1_STRING_length(id) : 0;
    if (length <= 0 || (out != NULL && (size_t)length > room)) return 0;
    if (out != NULL) memcpy(out, ASN1_STRING_get0_data(id), (size_t)length);
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
