#include "COpenSSL.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <string.h>

// A gcks_key is an EVP_PKEY under another name, so that OpenSSL's types stay in this folder.
static EVP_PKEY *unwrap(const gcks_key *key) { return (EVP_PKEY *)(uintptr_t)key; }
static gcks_key *wrap(EVP_PKEY *key) { return (gcks_key *)key; }

static EVP_PKEY *generate_pss(void) {
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_id(EVP_PKEY_RSA_PSS, NULL);
    int ok = context != NULL && EVP_PKEY_keygen_init(context) == 1 &&
             EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_keygen_md(context, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(context, EVP_sha256()) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, 32) == 1 && EVP_PKEY_keygen(context, &key) == 1;
    EVP_PKEY_CTX_free(context);
    return ok ? key : NULL;
}

gcks_key *gcks_key_generate(int kind) {
    switch (kind) {
    case GCKS_KEY_ED25519: return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    case GCKS_KEY_P256: return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
    case GCKS_KEY_P384: return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"));
    case GCKS_KEY_RSA: return wrap(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048));
    case GCKS_KEY_RSA_PSS: return wrap(generate_pss());
    default: return NULL;
    }
}

gcks_key *gcks_key_private_der(const uint8_t *der, size_t length) {
    const uint8_t *at = der;
    if (length > 65536) return NULL;
    return wrap(d2i_AutoPrivateKey(NULL, &at, (long)length));
}

static int no_password(char *buffer, int size, int writing, void *data) {
    (void)buffer, (void)size, (void)writing, (void)data;
    return -1;
}

gcks_key *gcks_key_private_pem(const uint8_t *pem, size_t length) {
    if (length > 65536) return NULL;
    BIO *bio = BIO_new_mem_buf(pem, (int)length);
    EVP_PKEY *key = bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL) : NULL;
    BIO_free(bio);
    return wrap(key);
}

gcks_key *gcks_key_public_der(const uint8_t *der, size_t length) {
    const uint8_t *at = der;
    if (length > 65536) return NULL;
    EVP_PKEY *key = d2i_PUBKEY(NULL, &at, (long)length);
    if (key != NULL && at != der + length) {
        EVP_PKEY_free(key);
        return NULL;
    }
    return wrap(key);
}

void gcks_key_free(gcks_key *key) { EVP_PKEY_free(unwrap(key)); }

int gcks_key_kind(const gcks_key *key) {
    EVP_PKEY *pkey = unwrap(key);
    switch (EVP_PKEY_get_base_id(pkey)) {
    case EVP_PKEY_ED25519: return GCKS_KEY_ED25519;
    case EVP_PKEY_RSA: return GCKS_KEY_RSA;
    case EVP_PKEY_RSA_PSS: return GCKS_KEY_RSA_PSS;
    case EVP_PKEY_EC: {
        char name[32] = {0};
        size_t length = 0;
        if (EVP_PKEY_get_utf8_string_param(pkey, OSSL_PKEY_PARAM_GROUP_NAME, name, sizeof name, &length) != 1)
            return GCKS_KEY_OTHER;
        if (strcmp(name, "prime256v1") == 0) return GCKS_KEY_P256;
        if (strcmp(name, "secp384r1") == 0) return GCKS_KEY_P384;
        return GCKS_KEY_OTHER;
    }
    default: return GCKS_KEY_OTHER;
    }
}

int gcks_key_bits(const gcks_key *key) { return EVP_PKEY_get_bits(unwrap(key)); }

size_t gcks_key_signature_size(const gcks_key *key) {
    int size = EVP_PKEY_get_size(unwrap(key));
    return size > 0 ? (size_t)size : 0;
}

size_t gcks_key_public_to_der(const gcks_key *key, uint8_t *out, size_t room) {
    int length = i2d_PUBKEY(unwrap(key), NULL);
    if (length <= 0) return 0;
    if (out == NULL) return (size_t)length;
    uint8_t *at = out;
    return (size_t)length <= room && i2d_PUBKEY(unwrap(key), &at) == length ? (size_t)length : 0;
}

size_t gcks_key_private_to_der(const gcks_key *key, uint8_t *out, size_t room) {
    PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(unwrap(key));
    int length = info != NULL ? i2d_PKCS8_PRIV_KEY_INFO(info, NULL) : -1;
    size_t result = 0;
    if (length > 0) {
        uint8_t *at = out;
        if (out == NULL)
            result = (size_t)length;
        else if ((size_t)length <= room && i2d_PKCS8_PRIV_KEY_INFO(info, &at) == length)
            result = (size_t)length;
    }
    PKCS8_PRIV_KEY_INFO_free(info);
    return result;
}

int gcks_key_raw_private(const gcks_key *key, uint8_t out[32]) {
    int kind = gcks_key_kind(key);
    if (kind == GCKS_KEY_ED25519) {
        size_t length = 32;
        return EVP_PKEY_get_raw_private_key(unwrap(key), out, &length) == 1 && length == 32;
    }
    if (kind != GCKS_KEY_P256) return 0;
    BIGNUM *scalar = NULL;
    int ok = EVP_PKEY_get_bn_param(unwrap(key), OSSL_PKEY_PARAM_PRIV_KEY, &scalar) == 1 &&
             BN_bn2binpad(scalar, out, 32) == 32;
    BN_clear_free(scalar);
    return ok;
}

static const EVP_MD *digest_of(int digest) {
    switch (digest) {
    case GCKS_SHA256: return EVP_sha256();
    case GCKS_SHA384: return EVP_sha384();
    case GCKS_SHA512: return EVP_sha512();
    default: return NULL;
    }
}

// Salt as long as the digest, MGF1 with the same digest: the one form IKEv2 uses (RFC 7427 appendix A.4).
static int set_padding(EVP_PKEY_CTX *context, const EVP_MD *digest, int padding) {
    switch (padding) {
    case GCKS_PADDING_NONE: return 1;
    case GCKS_PADDING_PKCS1: return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
    case GCKS_PADDING_PSS:
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_mgf1_md(context, digest) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
    default: return 0;
    }
}

int gcks_sign(const gcks_key *key, int digest, int padding, const uint8_t *in, size_t length, uint8_t *out,
              size_t *out_length) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    const EVP_MD *md = digest_of(digest);
    int ok = context != NULL && EVP_DigestSignInit(context, &key_context, md, NULL, unwrap(key)) == 1 &&
             set_padding(key_context, md, padding) && EVP_DigestSign(context, out, out_length, in, length) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

int gcks_verify(const gcks_key *key, int digest, int padding, const uint8_t *in, size_t length, const uint8_t *signature,
                size_t signature_length) {
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_context = NULL;
    const EVP_MD *md = digest_of(digest);
    int ok = context != NULL && EVP_DigestVerifyInit(context, &key_context, md, NULL, unwrap(key)) == 1 &&
             set_padding(key_context, md, padding) &&
             EVP_DigestVerify(context, signature, signature_length, in, length) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}
