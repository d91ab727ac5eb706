#ifndef GCKS_COPENSSL_H
#define GCKS_COPENSSL_H

// The system's OpenSSL as IKECrypto needs it: one function per operation, lengths always beside their pointers, contexts made
// once and reused. Every function returns 1 for success and 0 for failure unless it says otherwise; none keeps a pointer it
// was given. OpenSSL's own macros and variadic functions do not reach Swift, which is why this exists.

#include <stddef.h>
#include <stdint.h>

// MARK: Engine: contexts of one thread

typedef struct gcks_engine gcks_engine;
gcks_engine *gcks_engine_new(void);
void gcks_engine_free(gcks_engine *engine);

enum { GCKS_SHA256 = 0, GCKS_SHA384 = 1, GCKS_SHA512 = 2 };

int gcks_hmac_start(gcks_engine *engine, int digest, const uint8_t *key, size_t key_length);
// Begins again with the key of the last start.
int gcks_hmac_restart(gcks_engine *engine, int digest);
int gcks_hmac_update(gcks_engine *engine, int digest, const uint8_t *octets, size_t length);
// Writes 32, 48 or 64 octets.
int gcks_hmac_finish(gcks_engine *engine, int digest, uint8_t *out);

enum { GCKS_AES128_GCM = 0, GCKS_AES256_GCM = 1, GCKS_CHACHA20_POLY1305 = 2 };

// out holds `length` octets, tag 16, nonce 12.
int gcks_aead_seal(gcks_engine *engine, int cipher, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                   size_t aad_length, const uint8_t *in, size_t length, uint8_t *out, uint8_t *tag);
int gcks_aead_open(gcks_engine *engine, int cipher, const uint8_t *key, const uint8_t *nonce, const uint8_t *aad,
                   size_t aad_length, const uint8_t *in, size_t length, const uint8_t *tag, uint8_t *out);

// AES-CBC without padding; length is a multiple of 16; key_length 16 or 32.
int gcks_cbc(gcks_engine *engine, int encrypt, const uint8_t *key, size_t key_length, const uint8_t *iv, const uint8_t *in,
             size_t length, uint8_t *out);

// RFC 5649. out holds length + 16 octets; *out_length is set. key_length 16, 24 or 32.
int gcks_key_wrap(gcks_engine *engine, int wrap, const uint8_t *key, size_t key_length, const uint8_t *in, size_t length,
                  uint8_t *out, size_t *out_length);

int gcks_sha1(const uint8_t *in, size_t length, uint8_t out[20]);
int gcks_sha256(const uint8_t *in, size_t length, uint8_t out[32]);

// MARK: Key exchange. Private values come from the caller.

int gcks_x25519_public(const uint8_t private_key[32], uint8_t out[32]);
int gcks_x25519_agree(const uint8_t private_key[32], const uint8_t peer[32], uint8_t out[32]);

// curve: 256, 384, 521. size: 32, 48, 66. Points are x | y. Fails for a scalar outside 1 … n-1 and for a point off the curve.
int gcks_ecp_public(int curve, const uint8_t *scalar, size_t size, uint8_t *out);
int gcks_ecp_agree(int curve, const uint8_t *scalar, size_t size, const uint8_t *peer, uint8_t *out);

// bits: 2048, 3072, 4096; values have bits / 8 octets. Fails for a peer value outside 2 … p-2.
int gcks_modp_public(int bits, const uint8_t *exponent, size_t exponent_length, uint8_t *out);
int gcks_modp_agree(int bits, const uint8_t *exponent, size_t exponent_length, const uint8_t *peer, uint8_t *out);

// MARK: Signatures

typedef struct gcks_key gcks_key;
enum { GCKS_KEY_OTHER = 0, GCKS_KEY_ED25519, GCKS_KEY_P256, GCKS_KEY_P384, GCKS_KEY_RSA, GCKS_KEY_RSA_PSS };
enum { GCKS_PADDING_NONE = 0, GCKS_PADDING_PKCS1, GCKS_PADDING_PSS };

gcks_key *gcks_key_generate(int kind);
gcks_key *gcks_key_private_der(const uint8_t *der, size_t length);
gcks_key *gcks_key_private_pem(const uint8_t *pem, size_t length);
gcks_key *gcks_key_public_der(const uint8_t *der, size_t length);
void gcks_key_free(gcks_key *key);
int gcks_key_kind(const gcks_key *key);
int gcks_key_bits(const gcks_key *key);
// Upper bound of a signature's octets; 0 on failure.
size_t gcks_key_signature_size(const gcks_key *key);
// With out == NULL only the length is told. Returns the length, 0 on failure.
size_t gcks_key_public_to_der(const gcks_key *key, uint8_t *out, size_t room);
size_t gcks_key_private_to_der(const gcks_key *key, uint8_t *out, size_t room);
// Raw private key of Ed25519 (32 octets) or scalar of P-256 (32 octets).
int gcks_key_raw_private(const gcks_key *key, uint8_t out[32]);
// digest: GCKS_SHA*, or -1 for Ed25519.
int gcks_sign(const gcks_key *key, int digest, int padding, const uint8_t *in, size_t length, uint8_t *out,
              size_t *out_length);
int gcks_verify(const gcks_key *key, int digest, int padding, const uint8_t *in, size_t length, const uint8_t *signature,
                size_t signature_length);

// MARK: Certificates

typedef struct gcks_trust gcks_trust;
gcks_trust *gcks_trust_new(void);
void gcks_trust_free(gcks_trust *trust);
// What octets hold: all certificates or CRLs of a PEM text, or one in DER. Returns how many were added, -1 when one does not
// parse. Intermediates help to build paths and are not trusted themselves. Once a CRL is there, every certificate needs one.
int gcks_trust_add_anchors(gcks_trust *trust, const uint8_t *octets, size_t length);
int gcks_trust_add_intermediates(gcks_trust *trust, const uint8_t *octets, size_t length);
int gcks_trust_add_crls(gcks_trust *trust, const uint8_t *octets, size_t length);
// The CRLs that were added. Simple: without delta, distribution point or any critical extension, serials not negative.
int gcks_trust_crl_count(const gcks_trust *trust);
int gcks_trust_crl_is_simple(const gcks_trust *trust, int index);
int64_t gcks_trust_crl_last_update(const gcks_trust *trust, int index);
// INT64_MAX without a nextUpdate.
int64_t gcks_trust_crl_next_update(const gcks_trust *trust, int index);
size_t gcks_trust_crl_issuer(const gcks_trust *trust, int index, uint8_t *out, size_t room);
int gcks_trust_crl_revoked_count(const gcks_trust *trust, int index);
// Magnitude of a revoked serial, without leading zeros; 0 when it does not fit.
size_t gcks_trust_crl_serial(const gcks_trust *trust, int index, int entry, uint8_t *out, size_t room);

// What the path above a trusted leaf says.
typedef struct gcks_path gcks_path;
// Judges a chain (leaf first) at a time in seconds since 1970. Returns 1 when trusted; else 0 and a reason in text. With
// path != NULL a trusted leaf that has an issuer gives one, to be freed by the caller.
int gcks_trust_judge(const gcks_trust *trust, const uint8_t *const *chain, const size_t *lengths, size_t count, int64_t at,
                     char *reason, size_t reason_room, gcks_path **path);
void gcks_path_free(gcks_path *path);
// Latest notBefore and earliest notAfter above the leaf.
int64_t gcks_path_not_before(const gcks_path *path);
int64_t gcks_path_not_after(const gcks_path *path);
int gcks_path_has_name_constraints(const gcks_path *path);

typedef struct gcks_certificate gcks_certificate;
gcks_certificate *gcks_certificate_der(const uint8_t *der, size_t length);
void gcks_certificate_free(gcks_certificate *certificate);
// Seconds since 1970 of notAfter; INT64_MIN on failure.
int64_t gcks_certificate_not_after(const gcks_certificate *certificate);
int64_t gcks_certificate_not_before(const gcks_certificate *certificate);
size_t gcks_certificate_public_key(const gcks_certificate *certificate, uint8_t *out, size_t room);
size_t gcks_certificate_subject(const gcks_certificate *certificate, uint8_t *out, size_t room);
// Subject alternative names: kind 1 e-mail, 2 DNS, 7 IP; other kinds are skipped. Returns the count, at most 64.
int gcks_certificate_names(const gcks_certificate *certificate);
int gcks_certificate_name(const gcks_certificate *certificate, int index, int *kind, uint8_t *out, size_t room,
                          size_t *length);
// SHA-1 of the subject public key info, as CERTREQ names an authority (RFC 7296 3.7).
int gcks_certificate_key_id(const gcks_certificate *certificate, uint8_t out[20]);
// The subjectKeyIdentifier extension; 0 without one.
size_t gcks_certificate_subject_key_id(const gcks_certificate *certificate, uint8_t *out, size_t room);
// The issuer of the leaf. Lives as long as the path.
const gcks_certificate *gcks_path_issuer(const gcks_path *path);
// Cuts a PEM text into DER certificates: writes the index-th, returns its length, 0 when there is none.
size_t gcks_pem_certificate(const uint8_t *pem, size_t pem_length, int index, uint8_t *out, size_t room);

#endif
