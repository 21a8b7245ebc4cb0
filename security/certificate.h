#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/x509.h>

#include "quorum/result.h"
#include "security/credentials.h"
#include "security/identity.h"

// Reading, writing and judging single certificates. Any thread.
namespace regent {

// All certificates of a PEM text, in order. Errors (ErrorCode::invalid): none, or a broken one.
Result<std::vector<std::shared_ptr<X509>>> certificates_from_pem(std::string_view pem);
// Errors (ErrorCode::invalid): not one certificate in DER and nothing after it.
Result<std::shared_ptr<X509>> certificate_from_der(std::string_view der);

std::string certificate_der(const X509* certificate);
std::string certificate_pem(const X509* certificate);
// SHA-256 of the DER form, 32 bytes.
std::string certificate_fingerprint(std::string_view der);

std::chrono::system_clock::time_point not_before_of(const X509* certificate);
std::chrono::system_clock::time_point not_after_of(const X509* certificate);
// Negative when it has expired; for the metric regent_certificate_expiry_seconds.
double seconds_until_expiry(const CredentialSet& set);
double seconds_until_expiry(std::chrono::system_clock::time_point not_after);
// "2026-03-01 12:00:00 UTC"
std::string utc_text(std::chrono::system_clock::time_point time);

// Who a certificate claims to belong to, for messages about one that may be anybody's: its SPIFFE
// URI, else its subject, with anything unprintable replaced.
std::string claimed_holder(const X509* certificate);

// Why OpenSSL's verification failed, in words, naming the holder of the certificate under
// judgement: "certificate of spiffe://... expired on 2026-03-01 12:00:00 UTC".
std::string verify_failure_text(X509_STORE_CTX* context);

// Whether `certificate` was issued by `authority` (through `chain`, which may be empty), is valid
// now, and carries an identity, which is returned. Errors (ErrorCode::refused) say which is not so.
Result<Identity> verify_certificate(X509* certificate, X509_STORE* authority,
                                    const std::vector<std::shared_ptr<X509>>& chain = {});

// Whether the certificate somebody presented (null: none) is the operator's of our cluster: issued
// by our authority, valid now, spiffe://CLUSTER/operator. Errors (ErrorCode::refused) say why not.
Status verified_operator(X509* presented, const CredentialSet& ours);

}  // namespace regent
