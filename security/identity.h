#pragma once

#include <string>
#include <string_view>

#include <openssl/x509.h>

#include "quorum/result.h"

namespace regent {

enum class IdentityRole { gateway, node, operator_ };

// Who a certificate says its holder is: one SPIFFE URI among its subject alternative names,
//   spiffe://CLUSTER/region/R/gateway/G   spiffe://CLUSTER/region/R/node/N
//   spiffe://CLUSTER/operator
struct Identity {
  std::string cluster;
  IdentityRole role = IdentityRole::node;
  std::string region;  // "" for the operator
  std::string name;    // "" for the operator

  bool operator==(const Identity&) const = default;
  std::string uri() const;
};

// Errors (ErrorCode::invalid): not one of the three forms above, an empty or non-name part.
Result<Identity> parse_identity(std::string_view uri);

// Errors (ErrorCode::refused): no SPIFFE URI in the certificate, more than one, or a malformed one.
Result<Identity> identity_of(const X509* certificate);

}  // namespace regent
