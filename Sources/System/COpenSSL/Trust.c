#include "CertificateParts.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct gcks_trust {
    X509_STORE *store;
    STACK_OF(X509) *intermediates;
    STACK_OF(X509_CRL) *crls;
};

gcks_trust *gcks_trust_new(void) {
    gcks_trust *trust = calloc(1, sizeof *trust);
    if (trust == NULL) return NULL;
    trust->store = X509_STORE_new();
    trust->intermediates = sk_X509_new_null();
    trust->crls = sk_X509_CRL_new_null();
    if (trust->store == NULL || trust->intermediates == NULL || trust->crls == NULL) {
        gcks_trust_free(trust);
        return NULL;
    }
    return trust;
}

void gcks_trust_free(gcks_trust *trust) {
    if (trust == NULL) return;
    X509_STORE_free(trust->store);
    sk_X509_pop_free(trust->intermediates, X509_free);
    sk_X509_CRL_pop_free(trust->crls, X509_CRL_free);
    free(trust);
}

// True when the text ended, as opposed to a block that did not parse.
static int ended(void) {
    unsigned long error = ERR_peek_last_error();
    int is_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    return is_end;
}

static int is_der(const uint8_t *octets, size_t length) { return length > 0 && octets[0] == 0x30; }

static int add_certificate(gcks_trust *trust, X509 *certificate, int is_anchor) {
    if (certificate == NULL) return 0;
    int ok = is_anchor ? X509_STORE_add_cert(trust->store, certificate) == 1
                       : X509_up_ref(certificate) && sk_X509_push(trust->intermediates, certificate) > 0;
    X509_free(certificate);
    return ok;
}

static int add_certificates(gcks_trust *trust, const uint8_t *octets, size_t length, int is_anchor) {
    if (length > INT32_MAX) return -1;
    if (is_der(octets, length)) {
        int added = add_certificate(trust, gcks_parse_certificate(octets, length), is_anchor);
        ERR_clear_error();
        return added ? 1 : -1;
    }
    BIO *bio = BIO_new_mem_buf(octets, (int)length);
    int count = 0, ok = bio != NULL;
    while (ok) {
        X509 *certificate = PEM_read_bio_X509(bio, NULL, NULL, NULL);
        if (certificate == NULL) {
            ok = ended();
            break;
        }
        ok = add_certificate(trust, certificate, is_anchor);
        count += ok;
    }
    BIO_free(bio);
    return ok ? count : -1;
}

int gcks_trust_add_anchors(gcks_trust *trust, const uint8_t *octets, size_t length) {
    return add_certificates(trust, octets, length, 1);
}

int gcks_trust_add_intermediates(gcks_trust *trust, const uint8_t *octets, size_t length) {
    return add_certificates(trust, octets, length, 0);
}

static int add_crl(gcks_trust *trust, X509_CRL *crl) {
    if (crl == NULL) return 0;
    // The store takes a reference of its own; the list takes this one.
    int ok = X509_STORE_add_crl(trust->store, crl) == 1 && sk_X509_CRL_push(trust->crls, crl) > 0;
    if (!ok) X509_CRL_free(crl);
    return ok;
}

int gcks_trust_add_crls(gcks_trust *trust, const uint8_t *octets, size_t length) {
    if (length > INT32_MAX) return -1;
    if (is_der(octets, length)) {
        const uint8_t *at = octets;
        int added = add_crl(trust, d2i_X509_CRL(NULL, &at, (long)length));
        ERR_clear_error();
        return added && at == octets + length ? 1 : -1;
    }
    BIO *bio = BIO_new_mem_buf(octets, (int)length);
    int count = 0, ok = bio != NULL;
    while (ok) {
        X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
        if (crl == NULL) {
            ok = ended();
            break;
        }
        ok = add_crl(trust, crl);
        count += ok;
    }
    BIO_free(bio);
    return ok ? count : -1;
}

int gcks_trust_crl_count(const gcks_trust *trust) { return sk_X509_CRL_num(trust->crls); }

static int has_critical(const STACK_OF(X509_EXTENSION) *extensions) {
    for (int i = 0; i < sk_X509_EXTENSION_num(extensions); i++)
        if (X509_EXTENSION_get_critical(sk_X509_EXTENSION_value(extensions, i))) return 1;
    return 0;
}

int gcks_trust_crl_is_simple(const gcks_trust *trust, int index) {
    X509_CRL *crl = sk_X509_CRL_value(trust->crls, index);
    if (crl == NULL || has_critical(X509_CRL_get0_extensions(crl)) ||
        X509_CRL_get_ext_by_NID(crl, NID_issuing_distribution_point, -1) >= 0 ||
        X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0 || X509_CRL_get_ext_by_NID(crl, NID_freshest_crl, -1) >= 0)
        return 0;
    STACK_OF(X509_REVOKED) *revoked = X509_CRL_get_REVOKED(crl);
    for (int i = 0; i < sk_X509_REVOKED_num(revoked); i++) {
        const X509_REVOKED *entry = sk_X509_REVOKED_value(revoked, i);
        const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(entry);
        if (has_critical(X509_REVOKED_get0_extensions(entry)) || ASN1_STRING_type(serial) != V_ASN1_INTEGER ||
            ASN1_STRING_length(serial) > 64)
            return 0;
    }
    return 1;
}

int64_t gcks_trust_crl_last_update(const gcks_trust *trust, int index) {
    return gcks_seconds_of(X509_CRL_get0_lastUpdate(sk_X509_CRL_value(trust->crls, index)));
}

int64_t gcks_trust_crl_next_update(const gcks_trust *trust, int index) {
    const ASN1_TIME *time = X509_CRL_get0_nextUpdate(sk_X509_CRL_value(trust->crls, index));
    return time == NULL ? INT64_MAX : gcks_seconds_of(time);
}

size_t gcks_trust_crl_issuer(const gcks_trust *trust, int index, uint8_t *out, size_t room) {
    return gcks_write_name(X509_CRL_get_issuer(sk_X509_CRL_value(trust->crls, index)), out, room);
}

int gcks_trust_crl_revoked_count(const gcks_trust *trust, int index) {
    int count = sk_X509_REVOKED_num(X509_CRL_get_REVOKED(sk_X509_CRL_value(trust->crls, index)));
    return count > 0 ? count : 0;
}

size_t gcks_trust_crl_serial(const gcks_trust *trust, int index, int entry, uint8_t *out, size_t room) {
    X509_REVOKED *revoked = sk_X509_REVOKED_value(X509_CRL_get_REVOKED(sk_X509_CRL_value(trust->crls, index)), entry);
    if (revoked == NULL) return 0;
    const ASN1_INTEGER *serial = X509_REVOKED_get0_serialNumber(revoked);
    const uint8_t *octets = ASN1_STRING_get0_data(serial);
    size_t length = (size_t)ASN1_STRING_length(serial);
    while (length > 0 && *octets == 0) octets++, length--;
    if (length > room) return 0;
    memcpy(out, octets, length);
    return length;
}

static void tell(char *reason, size_t room, const char *text) {
    if (room > 0) snprintf(reason, room, "%s", text);
}

// Extended key usage, where it is given, must fit an IKE end: one of the IPsec purposes, any purpose, or a TLS purpose, as
// many authorities issue no other (RFC 4945 5.1.3.12).
static int purposes_fit(X509 *leaf) {
    int critical = 0, fits = 0;
    EXTENDED_KEY_USAGE *purposes = X509_get_ext_d2i(leaf, NID_ext_key_usage, &critical, NULL);
    if (purposes == NULL) return critical == -1;
    for (int i = 0; i < sk_ASN1_OBJECT_num(purposes); i++) {
        switch (OBJ_obj2nid(sk_ASN1_OBJECT_value(purposes, i))) {
        case NID_anyExtendedKeyUsage:
        case NID_ipsec_IKE:
        case NID_server_auth:
        case NID_client_auth:
        case NID_ipsecEndSystem:
        case NID_ipsecTunnel:
        case NID_ipsecUser: fits = 1; break;
        default: break;
        }
    }
    EXTENDED_KEY_USAGE_free(purposes);
    return fits;
}

static int leaf_fits(X509 *leaf, char *reason, size_t room) {
    // Key usage, where it is given, must allow signatures: IKE signs with this key (RFC 4945 5.1.3.2).
    if ((X509_get_key_usage(leaf) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) == 0) {
        tell(reason, room, "key usage does not allow signatures");
        return 0;
    }
    if (!purposes_fit(leaf)) {
        tell(reason, room, "extended key usage does not fit IKE");
        return 0;
    }
    return 1;
}

static int verify(const gcks_trust *trust, X509_STORE_CTX *context, X509 *leaf, STACK_OF(X509) *others, int64_t at,
                  char *reason, size_t room) {
    if (X509_STORE_CTX_init(context, trust->store, leaf, others) != 1) return 0;
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(context);
    unsigned long flags = X509_V_FLAG_X509_STRICT;
    if (sk_X509_CRL_num(trust->crls) > 0) flags |= X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_VERIFY_PARAM_set_flags(param, flags);
    X509_VERIFY_PARAM_set_time(param, (time_t)at);
    X509_VERIFY_PARAM_set_depth(param, 8);
    // 112 bits: no SHA-1 or MD5 signatures, no RSA below 2,048 bits anywhere in the path.
    X509_VERIFY_PARAM_set_auth_level(param, 2);
    if (X509_verify_cert(context) != 1) {
        tell(reason, room, X509_verify_cert_error_string(X509_STORE_CTX_get_error(context)));
        return 0;
    }
    return leaf_fits(leaf, reason, room);
}

struct gcks_path {
    gcks_certificate *issuer;
    int64_t not_before, not_after;
    int has_name_constraints;
};

static gcks_path *path_of(X509_STORE_CTX *context) {
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(context);
    if (sk_X509_num(chain) < 2) return NULL;
    gcks_path *path = calloc(1, sizeof *path);
    X509 *issuer = sk_X509_value(chain, 1);
    if (path == NULL || !X509_up_ref(issuer) || (path->issuer = gcks_certificate_of(issuer)) == NULL) {
        free(path);
        return NULL;
    }
    path->not_before = INT64_MIN;
    path->not_after = INT64_MAX;
    for (int i = 1; i < sk_X509_num(chain); i++) {
        const X509 *certificate = sk_X509_value(chain, i);
        int64_t from = gcks_seconds_of(X509_get0_notBefore(certificate));
        int64_t until = gcks_seconds_of(X509_get0_notAfter(certificate));
        if (from > path->not_before) path->not_before = from;
        if (until < path->not_after) path->not_after = until;
        if (X509_get_ext_by_NID(certificate, NID_name_constraints, -1) >= 0) path->has_name_constraints = 1;
    }
    return path;
}

void gcks_path_free(gcks_path *path) {
    if (path == NULL) return;
    gcks_certificate_free(path->issuer);
    free(path);
}

int64_t gcks_path_not_before(const gcks_path *path) { return path->not_before; }
int64_t gcks_path_not_after(const gcks_path *path) { return path->not_after; }
int gcks_path_has_name_constraints(const gcks_path *path) { return path->has_name_constraints; }
const gcks_certificate *gcks_path_issuer(const gcks_path *path) { return path->issuer; }

int gcks_trust_judge(const gcks_trust *trust, const uint8_t *const *chain, const size_t *lengths, size_t count, int64_t at,
                     char *reason, size_t reason_room, gcks_path **path) {
    X509 *leaf = NULL;
    STACK_OF(X509) *others = sk_X509_new_null();
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    int ok = others != NULL && context != NULL && count >= 1;
    tell(reason, reason_room, "out of memory");
    for (size_t i = 0; ok && i < count; i++) {
        X509 *certificate = gcks_parse_certificate(chain[i], lengths[i]);
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
    for (int i = 0; ok && i < sk_X509_num(trust->intermediates); i++) {
        X509 *certificate = sk_X509_value(trust->intermediates, i);
        ok = X509_up_ref(certificate) && sk_X509_push(others, certificate) > 0;
    }
    ok = ok && verify(trust, context, leaf, others, at, reason, reason_room);
    if (ok && path != NULL) *path = path_of(context);
    X509_STORE_CTX_free(context);
    sk_X509_pop_free(others, X509_free);
    X509_free(leaf);
    ERR_clear_error();
    return ok;
}
