#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <Poco/Net/SocketAddress.h>

#include "quorum/types.h"

// What two gateways say to each other at the forward port before it carries the bytes of a client's
// connection:
//
//   CONNECT ledger:5432 HTTP/1.1          HTTP/1.1 200 OK
//   Host: ledger:5432                     Regent-Epoch: 7
//   Regent-Service: ledger
//   Regent-Client: 192.0.2.7:49153        and the connection is a tunnel; or a refusal in the form
//   Regent-Local: 10.0.2.10:5432          of an error answer: 421, not the primary; 503, no backend
//
// The service's port for clients never takes a CONNECT.
namespace regent {

struct TunnelOpening {
  std::string service;
  Poco::Net::SocketAddress client;  // both ends of the client's connection
  Poco::Net::SocketAddress local;
};

// Whether what has come of a head can only be an opening.
bool is_tunnel_opening(std::string_view input);

std::string opening_request(const TunnelOpening& opening);
// `head`: complete, with the empty line. nullopt: malformed, a field is missing or there twice.
// Fields it does not know are ignored.
std::optional<TunnelOpening> parse_opening_request(std::string_view head);

std::string opening_answer(Epoch epoch);
// `head`: complete. The epoch of the primary that takes the connection; nullopt: it was refused.
std::optional<Epoch> parse_opening_answer(std::string_view head);

}  // namespace regent
