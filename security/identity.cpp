#include "security/identity.h"

#include <algorithm>
#include <vector>

#include "security/openssl.h"

namespace regent {
namespace {

constexpr std::string_view kScheme = "spiffe://";
constexpr std::size_t kMaxNameBytes = 63;

// The same names as a topology file accepts.
bool is_name(std::string_view text) {
  const auto alphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !text.empty() && text.size() <= kMaxNameBytes && alphanumeric(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return alphanumeric(c) || c == '-' || c == '_'; });
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

Error malformed(std::string_view uri) {
  std::string shown;
  for (const char c : uri.substr(0, 200)) shown += c >= ' ' && c <= '~' ? c : '?';
  return {ErrorCode::invalid, "'" + shown +
                                  "' is not an identity; one looks like "
                                  "spiffe://CLUSTER/region/REGION/gateway/NAME, "
                                  "spiffe://CLUSTER/region/REGION/node/NAME or "
                                  "spiffe://CLUSTER/operator"};
}

}  // namespace

std::string Identity::uri() const {
  const std::string start = std::string(kScheme) + cluster;
  switch (role) {
    case IdentityRole::gateway:
      return start + "/region/" + region + "/gateway/" + name;
    case IdentityRole::node:
      return start + "/region/" + region + "/node/" + name;
    case IdentityRole::operator_:
      break;
  }
  return start + "/operator";
}

Result<Identity> parse_identity(std::string_view uri) {
  if (!uri.starts_with(kScheme)) return malformed(uri);
  const auto parts = split(uri.substr(kScheme.size()), '/');
  Identity identity;
  identity.cluster = parts[0];
  if (!is_name(parts[0])) return malformed(uri);
  if (parts.size() == 2 && parts[1] == "operator") {
    identity.role = IdentityRole::operator_;
    return identity;
  }
  if (parts.size() != 5 || parts[1] != "region") return malformed(uri);
  if (parts[3] == "gateway") {
    identity.role = IdentityRole::gateway;
  } else if (parts[3] == "node") {
    identity.role = IdentityRole::node;
  } else {
    return malformed(uri);
  }
  if (!is_name(parts[2]) || !is_name(parts[4])) return malformed(uri);
  identity.region = parts[2];
  identity.name = parts[4];
  return identity;
}

Result<Identity> identity_of(const X509* certificate) {
  using NamesOwner = OpenSslOwner<GENERAL_NAMES, GENERAL_NAMES_free>;
  const NamesOwner names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  std::vector<std::string_view> uris;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    const std::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                               static_cast<std::size_t>(ASN1_STRING_length(text)));
    if (uri.starts_with(kScheme)) uris.push_back(uri);
  }
  if (uris.empty()) {
    return Error{ErrorCode::refused, "the certificate carries no SPIFFE identity"};
  }
  if (uris.size() > 1) {
    return Error{ErrorCode::refused, "the certificate carries more than one SPIFFE identity"};
  }
  auto identity = parse_identity(uris.front());
  if (!identity.ok()) {
    return Error{ErrorCode::refused, "the certificate's identity " + identity.error().message};
  }
  return identity;
}

}  // namespace regent
