#ifndef GCKS_CERTIFICATE_PARTS_H
#define GCKS_CERTIFICATE_PARTS_H

// What Certificates.c and Trust.c share; nothing here reaches Swift.

#include "COpenSSL.h"

#include <openssl/x509.h>

// Nil unless the octets are exactly one certificate.
X509 *gcks_parse_certificate(const uint8_t *der, size_t length);
// Takes over the reference.
gcks_certificate *gcks_certificate_of(X509 *x509);
// Seconds since 1970, INT64_MIN for a time that does not parse.
int64_t gcks_seconds_of(const ASN1_TIME *time);
// With out == NULL only the length is told; 0 on failure.
size_t gcks_write_name(const X509_NAME *name, uint8_t *out, size_t room);

#endif
