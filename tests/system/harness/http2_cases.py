"""What RFC 9113 (and RFC 7541) calls an error, what it does not, and what has to come of it.

A case is the clause, a name, the frames after the preface, and the outcome: ("goaway", CODE) for
the connection, ("reset", CODE) or ("answer", STATUS) for stream 1.
"""
import struct

from .http2 import (ACK, CANCEL, COMPRESSION_ERROR, CONTINUATION, DATA, END_HEADERS, END_STREAM,
                    FLOW_CONTROL_ERROR, FRAME_SIZE_ERROR, GOAWAY, HEADERS, PADDED, PING,
                    PRIORITY, PROTOCOL_ERROR, PUSH_PROMISE, RST_STREAM, SETTINGS, STREAM_CLOSED,
                    WINDOW_UPDATE, block, frame, literal, request)

WHOLE = END_STREAM | END_HEADERS
GET = frame(HEADERS, WHOLE, 1, request())
POST = frame(HEADERS, END_HEADERS, 1, request(method="POST"))


def setting(number, value):
    return struct.pack(">HI", number, value)


def number(value):
    return struct.pack(">I", value)


def connection(code, *cases):
    return [(clause, name, frames, ("goaway", code)) for clause, name, frames in cases]


def get_with(*fields, **pseudo):
    return frame(HEADERS, WHOLE, 1, request(*fields, **pseudo))


def post_with(*fields, body=b"", last=END_STREAM):
    head = frame(HEADERS, END_HEADERS, 1, request(*fields, method="POST"))
    return head + frame(DATA, last, 1, body)


def requests(outcome, *cases):
    return [(clause, name, frames, outcome) for clause, name, frames in cases]


CONNECTION_ERRORS = connection(
    PROTOCOL_ERROR,
    ("5.1", "DATA on an idle stream", frame(DATA, 0, 1, b"x")),
    ("5.1", "RST_STREAM on an idle stream", frame(RST_STREAM, 0, 1, number(CANCEL))),
    ("5.1", "WINDOW_UPDATE on an idle stream", frame(WINDOW_UPDATE, 0, 1, number(1))),
    ("5.1.1", "a stream of the server's kind", frame(HEADERS, WHOLE, 2, request())),
    ("5.1.1", "a stream that was left out before",
     frame(HEADERS, WHOLE, 3, request(path="/case")) + GET),
    ("5.1.1", "the connection as a stream", frame(HEADERS, WHOLE, 0, request(path="/other"))),
    ("6.1", "DATA on the connection", frame(DATA, 0, 0, b"x")),
    ("6.1", "DATA that is all padding and more", POST + frame(DATA, PADDED, 1, b"\x05abc")),
    ("6.2", "HEADERS on the connection", frame(HEADERS, WHOLE, 0, request())),
    ("6.2", "HEADERS that are all padding and more",
     frame(HEADERS, WHOLE | PADDED, 1, b"\xff" + request())),
    ("6.2", "another frame inside a head",
     frame(HEADERS, END_STREAM, 1, request()) + frame(PING, 0, 0, b"12345678")),
    ("6.2", "another stream's CONTINUATION inside a head",
     frame(HEADERS, END_STREAM, 1, request()) + frame(CONTINUATION, END_HEADERS, 3)),
    ("6.3", "PRIORITY on the connection", frame(PRIORITY, 0, 0, number(0) + b"\x10")),
    ("6.4", "RST_STREAM on the connection", frame(RST_STREAM, 0, 0, number(CANCEL))),
    ("6.5", "SETTINGS on a stream", frame(SETTINGS, 0, 1)),
    ("6.5.2", "ENABLE_PUSH that is neither 0 nor 1", frame(SETTINGS, 0, 0, setting(2, 2))),
    ("6.5.2", "frames too small", frame(SETTINGS, 0, 0, setting(5, 100))),
    ("6.5.2", "frames too large", frame(SETTINGS, 0, 0, setting(5, 1 << 24))),
    ("6.6", "PUSH_PROMISE of a client",
     GET + frame(PUSH_PROMISE, END_HEADERS, 1, number(2) + request())),
    ("6.7", "PING on a stream", frame(PING, 0, 1, b"12345678")),
    ("6.8", "GOAWAY on a stream", frame(GOAWAY, 0, 1, number(0) + number(0))),
    ("6.9", "a window of the connection opened by nothing", frame(WINDOW_UPDATE, 0, 0, number(0))),
    ("6.9", "a window of a stream opened by nothing", POST + frame(WINDOW_UPDATE, 0, 1, number(0))),
    ("6.10", "CONTINUATION without a head", frame(CONTINUATION, END_HEADERS, 1, request())),
    ("6.10", "CONTINUATION after the head's end",
     POST + frame(CONTINUATION, END_HEADERS, 1, block(("x", "y")))),
) + connection(
    FLOW_CONTROL_ERROR,
    ("6.5.2", "a window too large", frame(SETTINGS, 0, 0, setting(4, 1 << 31))),
    ("6.9.1", "the connection's window overflows",
     frame(WINDOW_UPDATE, 0, 0, number((1 << 31) - 1))),
    ("6.9.2", "a setting lets the stream's window overflow",
     POST + frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 1 - 65535)) +
     frame(SETTINGS, 0, 0, setting(4, 65536))),
) + connection(
    FRAME_SIZE_ERROR,
    ("4.2", "a frame larger than allowed", POST + frame(DATA, 0, 1, bytes(16385))),
    ("4.2", "a head larger than a frame", frame(HEADERS, WHOLE, 1, bytes(20000))),
    ("6.3", "PRIORITY of another size", frame(PRIORITY, 0, 1, b"1234")),
    ("6.4", "RST_STREAM of another size", POST + frame(RST_STREAM, 0, 1, b"123")),
    ("6.5", "SETTINGS of another size", frame(SETTINGS, 0, 0, b"12345")),
    ("6.5", "an acknowledgement with settings", frame(SETTINGS, ACK, 0, setting(3, 1))),
    ("6.7", "PING of another size", frame(PING, 0, 0, b"1234567")),
    ("6.9", "WINDOW_UPDATE of another size", frame(WINDOW_UPDATE, 0, 0, b"123")),
) + connection(
    STREAM_CLOSED,
    # A path that the backend leaves without an answer, so that the stream is still there.
    ("5.1", "DATA after the end of the request",
     frame(HEADERS, WHOLE, 1, request(path="/case")) + frame(DATA, 0, 1, b"x")),
    ("5.1", "a head after the end of the request",
     frame(HEADERS, WHOLE, 1, request(path="/case")) + frame(HEADERS, WHOLE, 1, block(("x", "y")))),
    ("5.1", "DATA after the client's own reset",
     POST + frame(RST_STREAM, 0, 1, number(CANCEL)) + frame(DATA, 0, 1, b"x")),
    ("5.1", "a head after the client's own reset",
     POST + frame(RST_STREAM, 0, 1, number(CANCEL)) + GET),
) + connection(
    COMPRESSION_ERROR,
    ("RFC 7541, 2.3.3", "an index beyond the tables", frame(HEADERS, WHOLE, 1, b"\xc6")),
    ("RFC 7541, 2.3.3", "the index 0", frame(HEADERS, WHOLE, 1, b"\x80")),
    ("RFC 7541, 4.2", "a table larger than agreed",
     frame(HEADERS, WHOLE, 1, b"\x3f\xe1\xff\x03" + request())),
    ("RFC 7541, 5.1", "a number without an end",
     frame(HEADERS, WHOLE, 1, b"\x7f" + b"\xff" * 12 + b"\x01")),
    ("RFC 7541, 5.2", "a text that is cut off", frame(HEADERS, WHOLE, 1, b"\0\x7fshort")),
    ("RFC 7541, 5.2", "a text with the end-of-string code",
     frame(HEADERS, WHOLE, 1, b"\0\x84\xff\xff\xff\xff\x01x")),
)

MALFORMED = requests(
    ("reset", PROTOCOL_ERROR),
    ("8.1", "trailers that do not end the stream",
     POST + frame(HEADERS, END_HEADERS, 1, block(("x-sum", "1")))),
    ("8.1", "pseudo-fields in trailers",
     POST + frame(HEADERS, WHOLE, 1, block((":path", "/")))),
    ("8.1.1", "less body than announced", post_with(("content-length", "5"), body=b"four")),
    ("8.1.1", "more body than announced", post_with(("content-length", "3"), body=b"four")),
    ("8.1.1", "a length and no body", get_with(("content-length", "1"))),
    ("8.1.1", "two lengths", post_with(("content-length", "4"), ("content-length", "4"),
                                       body=b"four")),
    ("8.1.1", "a length that is no number", post_with(("content-length", "+4"), body=b"four")),
    ("8.2.1", "an upper-case name", get_with(("X-Upper", "1"))),
    ("8.2.1", "a space in a name", get_with(("x y", "1"))),
    ("8.2.1", "a colon in a name", get_with(("x:y", "1"))),
    ("8.2.1", "an empty name", get_with(("", "1"))),
    ("8.2.1", "a line feed in a value", get_with(("x", "a\nb: c"))),
    ("8.2.1", "a carriage return in a value", get_with(("x", "a\rb"))),
    ("8.2.1", "a NUL in a value", get_with(("x", "a\0b"))),
    ("8.2.1", "a value that begins with a space", get_with(("x", " a"))),
    ("8.2.1", "a value that ends with a tab", get_with(("x", "a\t"))),
    ("8.2.2", "Connection", get_with(("connection", "close"))),
    ("8.2.2", "Keep-Alive", get_with(("keep-alive", "1"))),
    ("8.2.2", "Proxy-Connection", get_with(("proxy-connection", "close"))),
    ("8.2.2", "Transfer-Encoding", get_with(("transfer-encoding", "chunked"))),
    ("8.2.2", "Upgrade", get_with(("upgrade", "websocket"))),
    ("8.2.2", "TE of another coding", get_with(("te", "gzip"))),
    ("8.2.2", "TE of more than trailers", get_with(("te", "trailers, gzip"))),
    ("8.3", "an unknown pseudo-field", get_with((":other", "x"))),
    ("8.3", "a pseudo-field of answers", get_with((":status", "200"))),
    ("8.3", "a pseudo-field after another field",
     frame(HEADERS, WHOLE, 1, request(path=None) + block(("x", "y"), (":path", "/")))),
    ("8.3.1", "no method", get_with(method=None)),
    ("8.3.1", "no scheme", get_with(scheme=None)),
    ("8.3.1", "no path", get_with(path=None)),
    ("8.3.1", "an empty path", get_with(path="")),
    ("8.3.1", "neither authority nor host", get_with(authority=None)),
    ("8.3.1", "two methods", get_with((":method", "GET"))),
    ("8.3.1", "two paths", get_with((":path", "/"))),
    ("8.3.1", "two schemes", get_with((":scheme", "https"))),
    ("8.3.1", "an empty authority", get_with(authority="")),
    ("8.3.1", "two authorities", get_with((":authority", "shop"))),
    ("8.3.1", "a path that is none", get_with(path="orders")),
    ("8.3.1", "* for another method than OPTIONS", get_with(path="*")),
    ("8.5", "CONNECT with a path", get_with(method="CONNECT", scheme=None)),
    ("8.5", "CONNECT with a scheme", get_with(method="CONNECT", path=None)),
    ("8.5", "CONNECT without an authority",
     get_with(method="CONNECT", scheme=None, path=None, authority=None)),
    ("RFC 8441, 4", "CONNECT for another protocol", get_with((":protocol", "websocket"),
                                                             method="CONNECT")),
    ("8.1", "an upper-case name in trailers",
     POST + frame(HEADERS, WHOLE, 1, block(("X-Sum", "1")))),
    ("8.1", "a connection's field in trailers",
     POST + frame(HEADERS, WHOLE, 1, block(("transfer-encoding", "chunked")))),
) + requests(
    ("reset", FLOW_CONTROL_ERROR),
    ("6.9.1", "the stream's window overflows",
     POST + frame(WINDOW_UPDATE, 0, 1, number((1 << 31) - 1))),
)

ANSWERED = requests(
    ("answer", 200),
    ("4.1", "a frame of an unknown kind", frame(0x77, 0xff, 1, b"what") + GET),
    ("5.3.2", "a priority", frame(PRIORITY, 0, 1, number(0) + b"\x10") + GET),
    ("5.3.1", "a stream that depends on itself", frame(PRIORITY, 0, 1, number(1) + b"\x10") + GET),
    ("6.1", "padded DATA", POST + frame(DATA, PADDED | END_STREAM, 1, b"\x03data\0\0\0")),
    ("6.2", "a padded head", frame(HEADERS, WHOLE | PADDED, 1, b"\x02" + request() + b"\0\0")),
    ("6.5.2", "an unknown setting", frame(SETTINGS, 0, 0, setting(0x99, 7)) + GET),
    ("6.10", "a head in three frames",
     frame(HEADERS, END_STREAM, 1, request()[:9]) + frame(CONTINUATION, 0, 1, request()[9:30]) +
     frame(CONTINUATION, END_HEADERS, 1, request()[30:])),
    ("8.1", "trailers", POST + frame(DATA, 0, 1, b"x") +
     frame(HEADERS, WHOLE, 1, block(("x-sum", "1")))),
    ("8.1.1", "a length of nothing", get_with(("content-length", "0"))),
    ("8.1.1", "a body as announced", post_with(("content-length", "4"), body=b"four")),
    ("8.2.2", "TE: trailers", get_with(("te", "trailers"))),
    ("8.2.3", "cookies in pieces", get_with(("cookie", "a=1"), ("cookie", "b=2"))),
    ("8.3.1", "the same host twice", get_with(("host", "shop"))),
    ("8.3.1", "Host instead of :authority", get_with(("host", "shop"), authority=None)),
    ("8.3.1", "OPTIONS for the server itself", get_with(method="OPTIONS", path="*")),
    ("RFC 7541, 6.2", "a field for the table",
     frame(HEADERS, WHOLE, 1, request() + b"\x40\x01x\x01y\xbe")),
) + requests(
    ("answer", 400),
    ("8.3.1", "a fragment in the path", get_with(path="/ready#top")),
    ("8.3.1", "another host than the authority", get_with(("host", "other"))),
    ("8.3.1", "http over TLS", get_with(scheme="http")),
    ("RFC 9110, 4.2.4", "a user in the authority", get_with(authority="me@shop")),
    ("RFC 9110, 6.5.1", "a length in the trailers",
     POST + frame(HEADERS, WHOLE, 1, block(("authorization", "me")))),
) + requests(
    ("answer", 501), ("8.5", "CONNECT",
                      get_with(method="CONNECT", scheme=None, path=None)),
) + requests(
    ("answer", 417), ("RFC 9110, 10.1.1", "an expectation nobody knows",
                      get_with(("expect", "much"))),
) + requests(
    ("answer", 413), ("RFC 9110, 15.5.14", "a body too large",
                      frame(HEADERS, END_HEADERS, 1,
                            request(("content-length", "1000001"), method="POST"))),
) + requests(
    ("answer", 431), ("10.5.1", "a list of headers too large",
                      frame(HEADERS, END_STREAM, 1, request()) +
                      b"".join(frame(CONTINUATION, END_HEADERS if i == 5 else 0, 1,
                                     literal(f"x{i}", "y" * 12000)) for i in range(6))),
)
