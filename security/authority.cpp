#include "security/authority.h"

#include <array>
#include <ctime>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>

#include "security/certificate.h"
#include "security/openssl.h"

namespace regent {
namespace {

using GeneralNamesOwner = OpenSslOwner<GENERAL_NAMES, GENERAL_NAMES_free>;
using GeneralNameOwner = OpenSslOwner<GENERAL_NAME, GENERAL_NAME_free>;
using AddressOwner = OpenSslOwner<ASN1_OCTET_STRING, ASN1_OCTET_STRING_free>;

constexpr std::size_t kMaxCommonNameBytes = 64;  // X.520's upper bound

KeyOwner new_key() {
  KeyOwner key(EVP_EC_gen("P-256"));
  CHECK(key != nullptr);
  return key;
}

std::string key_to_pem(const EVP_PKEY* key) {
  const BioOwner bio(BIO_new(BIO_s_mem()));
  CHECK(PEM_write_bio_PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) == 1);
  return bio_text(bio.get());
}

void set_random_serial(X509* certificate) {
  std::array<unsigned char, 16> bytes{};
  CHECK(RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // positive, of full length
  const OpenSslOwner<BIGNUM, BN_free> number(
      BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  CHECK(number != nullptr);
  CHECK(BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr);
}

void set_validity(X509* certificate, const Validity& validity) {
  using std::chrono::system_clock;
  CHECK(ASN1_TIME_set(X509_getm_notBefore(certificate),
                      system_clock::to_time_t(validity.not_before)) != nullptr);
  CHECK(ASN1_TIME_set(X509_getm_notAfter(certificate),
                      system_clock::to_time_t(validity.not_after)) != nullptr);
}

bool set_common_name(X509* certificate, std::string_view name) {
  name = name.substr(0, kMaxCommonNameBytes);
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(name.data()),
                                    static_cast<int>(name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const OpenSslOwner<X509_EXTENSION, X509_EXTENSION_free> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool add_name(GENERAL_NAMES* names, int type, std::string_view value) {
  GeneralNameOwner name(GENERAL_NAME_new());
  CHECK(name != nullptr);
  ASN1_IA5STRING* text = ASN1_IA5STRING_new();
  CHECK(text != nullptr);
  GENERAL_NAME_set0_value(name.get(), type, text);
  if (ASN1_STRING_set(text, value.data(), static_cast<int>(value.size())) != 1) return false;
  return sk_GENERAL_NAME_push(names, name.release()) > 0;
}

// An IP literal becomes an address, everything else a DNS name.
bool add_host(GENERAL_NAMES* names, const std::string& host) {
  AddressOwner address(a2i_IPADDRESS(host.c_str()));
  ERR_clear_error();
  if (address == nullptr) return !host.empty() && add_name(names, GEN_DNS, host);
  GeneralNameOwner name(GENERAL_NAME_new());
  CHECK(name != nullptr);
  GENERAL_NAME_set0_value(name.get(), GEN_IPADD, address.release());
  return sk_GENERAL_NAME_push(names, name.release()) > 0;
}

Status add_alternative_names(X509* certificate, const CertificateRequest& request) {
  const GeneralNamesOwner names(GENERAL_NAMES_new());
  CHECK(names != nullptr);
  for (const auto& uri : request.uris) {
    if (!add_name(names.get(), GEN_URI, uri)) {
      return Error{ErrorCode::invalid, "'" + uri + "' cannot be put into a certificate"};
    }
  }
  for (const auto& host : request.hosts) {
    if (!add_host(names.get(), host)) {
      return Error{ErrorCode::invalid, "'" + host + "' cannot be put into a certificate as a host"};
    }
  }
  if (sk_GENERAL_NAME_num(names.get()) == 0) return Done{};
  CHECK(X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) ==
        1);
  return Done{};
}

// The parts that an authority's own and an issued certificate share.
X509Owner new_certificate(EVP_PKEY* key, const Validity& validity) {
  X509Owner certificate(X509_new());
  CHECK(certificate != nullptr);
  CHECK(X509_set_version(certificate.get(), X509_VERSION_3) == 1);
  set_random_serial(certificate.get());
  set_validity(certificate.get(), validity);
  CHECK(X509_set_pubkey(certificate.get(), key) == 1);
  return certificate;
}

}  // namespace

Validity Validity::days_from_now(int days) {
  const auto now = std::chrono::system_clock::now();
  return {now - std::chrono::minutes(5), now + std::chrono::hours(24) * days};
}

Authority::Authority(std::shared_ptr<X509> certificate, std::shared_ptr<EVP_PKEY> key)
    : certificate_(std::move(certificate)), key_(std::move(key)) {}

Result<Authority> Authority::create(const std::string& cluster, const Validity& validity) {
  KeyOwner key = new_key();
  X509Owner owner = new_certificate(key.get(), validity);
  X509* certificate = owner.get();
  ERR_clear_error();
  const bool ok =
      set_common_name(certificate, "Regent authority of " + cluster) &&
      X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) == 1 &&
      add_extension(certificate, certificate, NID_basic_constraints,
                    "critical,CA:TRUE,pathlen:0") &&
      add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
      add_extension(certificate, certificate, NID_subject_key_identifier, "hash") &&
      add_extension(certificate, certificate, NID_authority_key_identifier, "keyid:always") &&
      X509_sign(certificate, key.get(), signing_digest(key.get())) > 0;
  if (!ok) {
    return Error{ErrorCode::invalid,
                 "cannot make an authority for '" + cluster + "': " + take_openssl_error()};
  }
  return Authority(std::shared_ptr<X509>(owner.release(), X509_free),
                   std::shared_ptr<EVP_PKEY>(key.release(), EVP_PKEY_free));
}

Result<Authority> Authority::from_pem(const CertificatePair& pair) {
  const auto certificates = certificates_from_pem(pair.certificate);
  if (!certificates.ok()) return certificates.error();
  const auto& certificate = certificates->front();
  ERR_clear_error();
  const BioOwner bio = read_bio(pair.key);
  // An empty passphrase: an encrypted key is refused instead of asked about at the terminal.
  char no_passphrase[] = "";
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, no_passphrase),
                                EVP_PKEY_free);
  if (key == nullptr) {
    return Error{ErrorCode::invalid,
                 "the authority's key is not a private key in PEM form: " + take_openssl_error()};
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return Error{ErrorCode::invalid, "the authority's key does not match its certificate"};
  }
  if (X509_check_ca(certificate.get()) == 0) {
    return Error{ErrorCode::invalid,
                 "certificate of " + claimed_holder(certificate.get()) + " is not an authority's"};
  }
  return Authority(certificate, std::move(key));
}

Result<CertificatePair> Authority::issue(const CertificateRequest& request) const {
  const KeyOwner key = new_key();
  const X509Owner owner = new_certificate(key.get(), request.validity);
  X509* certificate = owner.get();
  X509* issuer = certificate_.get();
  ERR_clear_error();
  if (!set_common_name(certificate, request.common_name)) {
    return Error{ErrorCode::invalid,
                 "'" + request.common_name + "' cannot be put into a certificate as a name"};
  }
  const Status named = add_alternative_names(certificate, request);
  if (!named.ok()) return named.error();
  const bool ok =
      X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1 &&
      add_extension(certificate, issuer, NID_basic_constraints, "critical,CA:FALSE") &&
      add_extension(certificate, issuer, NID_key_usage, "critical,digitalSignature") &&
      add_extension(certificate, issuer, NID_ext_key_usage, "serverAuth,clientAuth") &&
      add_extension(certificate, issuer, NID_subject_key_identifier, "hash") &&
      add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always") &&
      X509_sign(certificate, key_.get(), signing_digest(key_.get())) > 0;
  if (!ok) {
    return Error{ErrorCode::invalid, "cannot issue a certificate for '" + request.common_name +
                                         "': " + take_openssl_error()};
  }
  return CertificatePair{regent::certificate_pem(certificate), key_to_pem(key.get())};
}

Result<CertificatePair> Authority::issue(const Identity& identity,
                                         const std::vector<std::string>& hosts,
                                         const Validity& validity) const {
  const std::string name = identity.role == IdentityRole::operator_
                               ? identity.cluster + " operator"
                               : identity.region + "." + identity.name;
  return issue({name, {identity.uri()}, hosts, validity});
}

std::string Authority::certificate_pem() const {
  return regent::certificate_pem(certificate_.get());
}

std::string Authority::key_pem() const {
  return key_to_pem(key_.get());
}

std::chrono::system_clock::time_point Authority::not_after() const {
  return not_after_of(certificate_.get());
}

}  // namespace regent
