#include "COpenSSL.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// Algorithms are fetched once: a fetch per operation would cost more than the operation.
static struct {
    EVP_MAC *hmac;
    EVP_MD *sha1;
    EVP_MD *sha256;
    EVP_CIPHER *aead[3];
    EVP_CIPHER *cbc[2];
    EVP_CIPHER *wrap[3];
    EC_GROUP *curves[3];
    BIGNUM *primes[3];
} fetched;
static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;

static void fetch(void) {
    fetched.hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    fetched.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL);
    fetched.sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    fetched.aead[GCKS_AES128_GCM] = EVP_CIPHER_fetch(NULL, "AES-128-GCM", NULL);
    fetched.aead[GCKS_AES256_GCM] = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
    fetched.aead[GCKS_CHACHA20_POLY1305] = EVP_CIPHER_fetch(NULL, "ChaCha20-Poly1305", NULL);
    fetched.cbc[0] = EVP_CIPHER_fetch(NULL, "AES-128-CBC", NULL);
    fetched.cbc[1] = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    fetched.wrap[0] = EVP_CIPHER_fetch(NULL, "AES-128-WRAP-PAD", NULL);
    fetched.wrap[1] = EVP_CIPHER_fetch(NULL, "AES-192-WRAP-PAD", NULL);
    fetched.wrap[2] = EVP_CIPHER_fetch(NULL, "AES-256-WRAP-PAD", NULL);
    fetched.curves[0] = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    fetched.curves[1] = EC_GROUP_new_by_curve_name(NID_secp384r1);
    fetched.curves[2] = EC_GROUP_new_by_curve_name(NID_secp521r1);
    fetched.primes[0] = BN_get_rfc3526_prime_2048(NULL);
    fetched.primes[1] = BN_get_rfc3526_prime_3072(NULL);
    fetched.primes[2] = BN_get_rfc3526_prime_4096(NULL);
}

struct gcks_engine {
    EVP_MAC_CTX *mac[3];
    EVP_CIPHER_CTX *cipher;
    EVP_CIPHER_CTX *wrap;
};

static const char *const digest_names[3] = {"SHA256", "SHA384", "SHA512"};

gcks_engine *gcks_engine_new(void) {
    pthread_once(&fetch_once, fetch);
    gcks_engine *engine = calloc(1, sizeof *engine);
    if (engine == NULL) return NULL;
    int ok = fetched.hmac != NULL;
    for (int i = 0; ok && i < 3; i++) {
        OSSL_PARAM params[] = {
            OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)digest_names[i], 0), OSSL_PARAM_construct_end()};
        engine->mac[i] = EVP_MAC_CTX_new(fetched.hmac);
        ok = engine->mac[i] != NULL && EVP_MAC_CTX_set_params(engine->mac[i], params) == 1;
    }
    engine->cipher = EVP_CIPHER_CTX_new();
    engine->wrap = EVP_CIPHER_CTX_new();
    if (!ok || engine->cipher == NULL || engine->wrap == NULL) {
        gcks_engine_free(engine);
        return NULL;
    }
    EVP_CIPHER_CTX_set_flags(engine->wrap, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    return engine;
}

void gcks_engine_free(gcks_engine *engine) {
    if (engine == NULL) return;
    for (int i = 0; i < 3; i++) EVP_MAC_CTX_free(engine->mac[i]);
    EVP_CIPHER_CTX_free(engine->cipher);
    EVP_CIPHER_CTX_free(engine->wrap);
    free(engine);
}

int gcks_hmac_start(gcks_engine *engine, int digest, const uint8_t *key, size_t key_length) {
    static const uint8_t nothing = 0;
    if (digest < 0 || digest > 2) return 0;
    // A NULL key would mean "the key of last time".
    return EVP_MAC_init(engine->mac[digest], key != NULL ? key : &nothing, key_length, NULL) == 1;
}

int gcks_hmac_restart(gcks_engine *engine, int digest) {
    if (digest < 0 || digest > 2) return 0;
    return EVP_MAC_init(engine->mac[digest], NULL, 0, NULL) == 1;
}

int gcks_hmac_update(gcks_engine *engine, int digest, const uint8_t *octets, size_t length) {
    if (digest < 0 || digest > 2) return 0;
    return length == 0 || EVP_MAC_update(engine->mac[digest], octets, length) == 1;
}

int gcks_hmac_finish(gcks_engine *engine, int digest, uint8_t *out) {
    size_t length = 0;
    if (digest < 0 || digest > 2) return 0;
    return EVP_MAC_final(engine->mac[digest], out, &length, 64) == 1;
}

int gcks_aead_seal(gcks_engine *engine, int cipher, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                   size_t aad_length, const uint8_t *in, size_t length, uint8_t *out, uint8_t *tag) {
    int done = 0;
    if (cipher < 0 || cipher > 2 || aad_length > INT32_MAX || length > INT32_MAX) return 0;
    return EVP_EncryptInit_ex2(engine->cipher, fetched.aead[cipher], key, nonce, NULL) == 1 &&
           (aad_length == 0 || EVP_EncryptUpdate(engine->cipher, NULL, &done, aad, (int)aad_length) == 1) &&
           (length == 0 || EVP_EncryptUpdate(engine->cipher, out, &done, in, (int)length) == 1) &&
           EVP_EncryptFinal_ex(engine->cipher, out + length, &done) == 1 &&
           EVP_CIPHER_CTX_ctrl(engine->cipher, EVP_CTRL_AEAD_GET_TAG, 16, tag) == 1;
}

int gcks_aead_open(gcks_engine *engine, int cipher, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                   size_t aad_length, const uint8_t *in, size_t length, const uint8_t *tag, uint8_t *out) {
    int done = 0;
    uint8_t expected[16];
    if (cipher < 0 || cipher > 2 || aad_length > INT32_MAX || length > INT32_MAX) return 0;
    memcpy(expected, tag, sizeof expected);
    int ok = EVP_DecryptInit_ex2(engine->cipher, fetched.aead[cipher], key, nonce, NULL) == 1 &&
             EVP_CIPHER_CTX_ctrl(engine->cipher, EVP_CTRL_AEAD_SET_TAG, 16, expected) == 1 &&
             (aad_length == 0 || EVP_DecryptUpdate(engine->cipher, NULL, &done, aad, (int)aad_length) == 1) &&
             (length == 0 || EVP_DecryptUpdate(engine->cipher, out, &done, in, (int)length) == 1) &&
             EVP_DecryptFinal_ex(engine->cipher, out + length, &done) == 1;
    if (!ok) OPENSSL_cleanse(out, length);
    return ok;
}

int gcks_cbc(gcks_engine *engine, int encrypt, const uint8_t *key, size_t key_length, const uint8_t *iv, const uint8_t *in,
             size_t length, uint8_t *out) {
    int done = 0;
    if ((key_length != 16 && key_length != 32) || length % 16 != 0 || length > INT32_MAX) return 0;
    return EVP_CipherInit_ex2(engine->cipher, fetched.cbc[key_length == 32], key, iv, encrypt != 0, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(engine->cipher, 0) == 1 &&
           (length == 0 || EVP_CipherUpdate(engine->cipher, out, &done, in, (int)length) == 1);
}

int gcks_key_wrap(gcks_engine *engine, int wrap, const uint8_t *key, size_t key_length, const uint8_t *in, size_t length,
                  uint8_t *out, size_t *out_length) {
    int done = 0, rest = 0;
    if ((key_length != 16 && key_length != 24 && key_length != 32) || length == 0 || length > 65536) return 0;
    const EVP_CIPHER *cipher = fetched.wrap[key_length / 8 - 2];
    if (EVP_CipherInit_ex2(engine->wrap, cipher, key, NULL, wrap != 0, NULL) != 1 ||
        EVP_CipherUpdate(engine->wrap, out, &done, in, (int)length) != 1 || done <= 0 ||
        EVP_CipherFinal_ex(engine->wrap, out + done, &rest) != 1)
        return 0;
    *out_length = (size_t)done + (size_t)rest;
    return 1;
}

int gcks_sha1(const uint8_t *in, size_t length, uint8_t out[20]) {
    pthread_once(&fetch_once, fetch);
    return EVP_Digest(in, length, out, NULL, fetched.sha1, NULL) == 1;
}

int gcks_sha256(const uint8_t *in, size_t length, uint8_t out[32]) {
    pthread_once(&fetch_once, fetch);
    return EVP_Digest(in, length, out, NULL, fetched.sha256, NULL) == 1;
}

// MARK: Key exchange

int gcks_x25519_public(const uint8_t private_key[32], uint8_t out[32]) {
    size_t length = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
    int ok = key != NULL && EVP_PKEY_get_raw_public_key(key, out, &length) == 1 && length == 32;
    EVP_PKEY_free(key);
    return ok;
}

int gcks_x25519_agree(const uint8_t private_key[32], const uint8_t peer[32], uint8_t out[32]) {
    size_t length = 32;
    EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, private_key, 32);
    EVP_PKEY *other = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, 32);
    EVP_PKEY_CTX *context = own != NULL ? EVP_PKEY_CTX_new(own, NULL) : NULL;
    int ok = context != NULL && other != NULL && EVP_PKEY_derive_init(context) == 1 &&
             EVP_PKEY_derive_set_peer(context, other) == 1 && EVP_PKEY_derive(context, out, &length) == 1 && length == 32;
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(other);
    EVP_PKEY_free(own);
    return ok;
}

static const EC_GROUP *curve_of(int curve, size_t size) {
    pthread_once(&fetch_once, fetch);
    if (curve == 256 && size == 32) return fetched.curves[0];
    if (curve == 384 && size == 48) return fetched.curves[1];
    if (curve == 521 && size == 66) return fetched.curves[2];
    return NULL;
}

// A scalar in 1 … n-1, flagged for constant-time use.
static BIGNUM *scalar_of(const EC_GROUP *group, const uint8_t *scalar, size_t size) {
    BIGNUM *value = BN_secure_new();
    if (value == NULL || BN_bin2bn(scalar, (int)size, value) == NULL || BN_is_zero(value) ||
        BN_cmp(value, EC_GROUP_get0_order(group)) >= 0) {
        BN_clear_free(value);
        return NULL;
    }
    BN_set_flags(value, BN_FLG_CONSTTIME);
    return value;
}

// Writes x | y when `both`, else x.
static int write_point(const EC_GROUP *group, const EC_POINT *point, size_t size, int both, uint8_t *out, BN_CTX *context) {
    uint8_t encoded[1 + 2 * 66];
    if (EC_POINT_is_at_infinity(group, point)) return 0;
    size_t length = EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, encoded, sizeof encoded, context);
    if (length != 1 + 2 * size) return 0;
    memcpy(out, encoded + 1, both ? 2 * size : size);
    OPENSSL_cleanse(encoded, sizeof encoded);
    return 1;
}

int gcks_ecp_public(int curve, const uint8_t *scalar, size_t size, uint8_t *out) {
    const EC_GROUP *group = curve_of(curve, size);
    if (group == NULL) return 0;
    BIGNUM *secret = scalar_of(group, scalar, size);
    BN_CTX *context = BN_CTX_secure_new();
    EC_POINT *point = EC_POINT_new(group);
    int ok = secret != NULL && context != NULL && point != NULL &&
             EC_POINT_mul(group, point, secret, NULL, NULL, context) == 1 && write_point(group, point, size, 1, out, context);
    EC_POINT_clear_free(point);
    BN_CTX_free(context);
    BN_clear_free(secret);
    return ok;
}

int gcks_ecp_agree(int curve, const uint8_t *scalar, size_t size, const uint8_t *peer, uint8_t *out) {
    const EC_GROUP *group = curve_of(curve, size);
    if (group == NULL) return 0;
    uint8_t encoded[1 + 2 * 66];
    encoded[0] = POINT_CONVERSION_UNCOMPRESSED;
    memcpy(encoded + 1, peer, 2 * size);
    BIGNUM *secret = scalar_of(group, scalar, size);
    BN_CTX *context = BN_CTX_secure_new();
    EC_POINT *theirs = EC_POINT_new(group), *shared = EC_POINT_new(group);
    // oct2point refuses a point that is not on the curve; these curves have cofactor 1.
    int ok = secret != NULL && context != NULL && theirs != NULL && shared != NULL &&
             EC_POINT_oct2point(group, theirs, encoded, 1 + 2 * size, context) == 1 &&
             EC_POINT_is_at_infinity(group, theirs) == 0 &&
             EC_POINT_mul(group, shared, NULL, theirs, secret, context) == 1 &&
             write_point(group, shared, size, 0, out, context);
    EC_POINT_clear_free(shared);
    EC_POINT_free(theirs);
    BN_CTX_free(context);
    BN_clear_free(secret);
    return ok;
}

static const BIGNUM *prime_of(int bits) {
    pthread_once(&fetch_once, fetch);
    if (bits == 2048) return fetched.primes[0];
    if (bits == 3072) return fetched.primes[1];
    if (bits == 4096) return fetched.primes[2];
    return NULL;
}

static int modp_power(int bits, const BIGNUM *base, const uint8_t *exponent, size_t exponent_length, uint8_t *out) {
    const BIGNUM *prime = prime_of(bits);
    BN_CTX *context = BN_CTX_secure_new();
    BIGNUM *secret = BN_secure_new(), *result = BN_secure_new();
    int ok = prime != NULL && base != NULL && context != NULL && secret != NULL && result != NULL &&
             exponent_length <= 512 && BN_bin2bn(exponent, (int)exponent_length, secret) != NULL;
    if (ok) {
        BN_set_flags(secret, BN_FLG_CONSTTIME);
        ok = BN_mod_exp_mont_consttime(result, base, secret, prime, context, NULL) == 1 && !BN_is_one(result) &&
             !BN_is_zero(result) && BN_bn2binpad(result, out, bits / 8) == bits / 8;
    }
    BN_clear_free(result);
    BN_clear_free(secret);
    BN_CTX_free(context);
    return ok;
}

int gcks_modp_public(int bits, const uint8_t *exponent, size_t exponent_length, uint8_t *out) {
    BIGNUM *generator = BN_new();
    int ok = generator != NULL && BN_set_word(generator, 2) == 1 &&
             modp_power(bits, generator, exponent, exponent_length, out);
    BN_free(generator);
    return ok;
}

int gcks_modp_agree(int bits, const uint8_t *exponent, size_t exponent_length, const uint8_t *peer, uint8_t *out) {
    const BIGNUM *prime = prime_of(bits);
    if (prime == NULL) return 0;
    BIGNUM *value = BN_bin2bn(peer, bits / 8, NULL), *limit = BN_dup(prime);
    // 2 … p-2: 0, 1 and p-1 generate nothing secret.
    int ok = value != NULL && limit != NULL && BN_sub_word(limit, 1) == 1 && BN_cmp(value, BN_value_one()) > 0 &&
             BN_cmp(value, limit) < 0 && modp_power(bits, value, exponent, exponent_length, out);
    BN_free(limit);
    BN_free(value);
    return ok;
}
