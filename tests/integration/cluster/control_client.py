"""A gRPC client that knows nothing of a daemon's services but what reflection tells it.

usage: control_client.py ENDPOINT list
       control_client.py ENDPOINT call SERVICE METHOD [JSON]

`list` prints the services' names, `call` the answers of a method, one JSON object a line, as they
come. A call that fails ends with its status code's name as the last line and exit code 1. Ends with
77 if a Python package is missing.
"""

import json
import sys

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory
except ImportError as missing:
    print(f"{missing}; install python3-grpcio python3-protobuf")
    sys.exit(77)

PATIENCE_S = 60
FIELD = descriptor_pb2.FieldDescriptorProto
# Of grpc.reflection.v1alpha what is used here: (message, field, number, type, repeated).
REFLECTION = "grpc.reflection.v1alpha"
FIELDS = [
    ("ServerReflectionRequest", "file_containing_symbol", 4, FIELD.TYPE_STRING, False),
    ("ServerReflectionRequest", "list_services", 7, FIELD.TYPE_STRING, False),
    ("ServerReflectionResponse", "file_descriptor_response", 4, "FileDescriptorResponse", False),
    ("ServerReflectionResponse", "list_services_response", 6, "ListServiceResponse", False),
    ("ServerReflectionResponse", "error_response", 7, "ErrorResponse", False),
    ("FileDescriptorResponse", "file_descriptor_proto", 1, FIELD.TYPE_BYTES, True),
    ("ListServiceResponse", "service", 1, "ServiceResponse", True),
    ("ServiceResponse", "name", 1, FIELD.TYPE_STRING, False),
    ("ErrorResponse", "error_message", 2, FIELD.TYPE_STRING, False),
]


def message_class(pool, name):
    return message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName(name))


def reflection_classes():
    """The request's and the answer's class."""
    file = descriptor_pb2.FileDescriptorProto(name="reflection.proto", package=REFLECTION)
    messages = {}
    for message, field, number, kind, repeated in FIELDS:
        if message not in messages:
            messages[message] = file.message_type.add(name=message)
        described = messages[message].field.add(
            name=field, number=number,
            label=FIELD.LABEL_REPEATED if repeated else FIELD.LABEL_OPTIONAL)
        if isinstance(kind, str):
            described.type, described.type_name = FIELD.TYPE_MESSAGE, f".{REFLECTION}.{kind}"
        else:
            described.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return [message_class(pool, f"{REFLECTION}.ServerReflection{end}")
            for end in ("Request", "Response")]


def ask_reflection(channel, **question):
    request, response = reflection_classes()
    call = channel.stream_stream(
        f"/{REFLECTION}.ServerReflection/ServerReflectionInfo",
        request_serializer=request.SerializeToString, response_deserializer=response.FromString)
    answer = next(call(iter([request(**question)]), timeout=PATIENCE_S))
    if answer.HasField("error_response"):
        raise SystemExit(f"reflection: {answer.error_response.error_message}")
    return answer


def add_files(pool, files):
    """In any order; a pool wants a file's imports before it."""
    waiting = {file.name: file for file in files}
    while waiting:
        ready = [file for file in waiting.values()
                 if not any(name in waiting for name in file.dependency)]
        assert ready, f"files that import each other: {sorted(waiting)}"
        for file in ready:
            pool.Add(waiting.pop(file.name))


def call(channel, service, method, text):
    """Yields the answers, as dictionaries."""
    pool = descriptor_pool.DescriptorPool()
    answer = ask_reflection(channel, file_containing_symbol=service)
    files = [descriptor_pb2.FileDescriptorProto.FromString(file)
             for file in answer.file_descriptor_response.file_descriptor_proto]
    add_files(pool, files)
    described = pool.FindServiceByName(service).FindMethodByName(method)
    request = message_class(pool, described.input_type.full_name)
    response = message_class(pool, described.output_type.full_name)
    # One answer or many: for the client that is the same but for the end.
    answers = channel.unary_stream(
        f"/{service}/{method}", request_serializer=request.SerializeToString,
        response_deserializer=response.FromString)
    for answer in answers(json_format.Parse(text, request()), timeout=PATIENCE_S):
        yield json_format.MessageToDict(answer, including_default_value_fields=True)


def main():
    endpoint, command, *words = sys.argv[1:]
    with grpc.insecure_channel(endpoint) as channel:
        try:
            if command == "list":
                answer = ask_reflection(channel, list_services="")
                for service in answer.list_services_response.service:
                    print(service.name)
            else:
                service, method, text = (words + ["{}"])[:3]
                for answer in call(channel, service, method, text):
                    print(json.dumps(answer), flush=True)
        except grpc.RpcError as error:
            print(error.code().name)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
