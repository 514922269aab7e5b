"""An independent peer, written from peer.proto alone, against the C++ transport.

usage: wire_interop_test.py NODE_BINARY PROTOC PROTO_DIR

Generates Python classes with PROTOC, dials the node, and exchanges updates both ways. Ends with
77 (a skip, for ctest) and a message if a Python package is missing.
"""

import queue
import subprocess
import sys
import tempfile
import unittest

try:
    import grpc
    import numpy
    import xxhash
    import google.protobuf  # noqa: F401
except ImportError as missing:
    print(f"skipped: {missing}; install python3-grpcio python3-numpy python3-xxhash python3-protobuf")
    sys.exit(77)

NODE_BINARY, PROTOC, PROTO_DIR = sys.argv[1:4]
PARAMETERS = 200_000  # 800 kB: four of the node's chunks
PATIENCE_S = 20
pb = None  # skiptrain.v1.peer_pb2, once generated


def generate(into):
    global pb
    subprocess.run(
        [PROTOC, f"--proto_path={PROTO_DIR}", f"--python_out={into}", "skiptrain/v1/peer.proto"],
        check=True, cwd=PROTO_DIR)
    sys.path.insert(0, into)
    from skiptrain.v1 import peer_pb2
    pb = peer_pb2


def hello(node_id=1, **changes):
    fields = dict(
        protocol_version=1, cluster_id="interop", node_id=node_id, incarnation=1, run_id="run-1",
        run_fingerprint=0x1111, layout_fingerprint=0x2222, node_name="python",
        state=pb.NodeState(round=5, activity=pb.ACTIVITY_RUNNING))
    fields.update(changes)
    return pb.Hello(**fields)


def frames_of(values, round_number, chunk_bytes=300_000, **changes):
    """An update in frames of its own cut: the header alone, then chunks of odd size."""
    payload = values.astype("<f4").tobytes()
    fields = dict(
        round=round_number, degree=1, parameter_count=len(values), dtype=pb.WIRE_DTYPE_FLOAT32,
        checksum=xxhash.xxh3_64_intdigest(payload))
    fields.update(changes)
    frames = [pb.Frame(update=pb.UpdateHeader(**fields))]
    for offset in range(0, len(payload), chunk_bytes):
        chunk = pb.Chunk(offset=offset, data=payload[offset:offset + chunk_bytes])
        frames.append(pb.Frame(chunk=chunk))
    return frames


def assemble(frames):
    """The header and numbers of the next update of `frames`, checked as the proto file says."""
    header, payload = None, b""
    for frame in frames:
        if frame.HasField("goodbye"):
            raise AssertionError(f"goodbye: {frame.goodbye.detail}")
        if frame.HasField("update"):
            assert header is None
            header = frame.update
        if frame.HasField("chunk"):
            assert frame.chunk.offset == len(payload)
            payload += frame.chunk.data
        if header is not None and len(payload) == 4 * header.parameter_count:
            assert header.checksum == xxhash.xxh3_64_intdigest(payload)
            return header, numpy.frombuffer(payload, dtype="<f4")
    raise AssertionError("the stream ended within an update")


class Stream:
    """One Exchange call; what is put in `out` is sent."""

    def __init__(self, channel):
        self.out = queue.Queue()
        call = channel.stream_stream(
            "/skiptrain.v1.Peer/Exchange",
            request_serializer=lambda frame: frame.SerializeToString(),
            response_deserializer=pb.Frame.FromString)
        self.replies = call(iter(self.out.get, None), timeout=PATIENCE_S)

    def send(self, *frames):
        for frame in frames:
            self.out.put(frame)

    def end(self):
        self.out.put(None)


class WireInterop(unittest.TestCase):
    def setUp(self):
        self.node = subprocess.Popen(
            [NODE_BINARY, "2", "1", str(PARAMETERS)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        word, address = self.node.stdout.readline().split()
        self.assertEqual(word, "address")
        self.channel = grpc.insecure_channel(address)

    def tearDown(self):
        self.channel.close()
        self.node.stdin.close()
        self.assertEqual(self.node.wait(PATIENCE_S), 0)
        self.node.stdout.close()

    def connect(self):
        stream = Stream(self.channel)
        stream.send(pb.Frame(hello=hello()))
        answer = next(stream.replies)
        self.assertTrue(answer.HasField("hello"), answer)
        self.assertEqual(answer.hello.node_id, 2)
        self.assertEqual(answer.hello.incarnation, 3)
        self.assertEqual(answer.hello.state.round, 5)
        self.assertEqual(self.node.stdout.readline(), "connected 1\n")
        return stream

    def test_updates_go_both_ways_with_their_values(self):
        stream = self.connect()
        generator = numpy.random.default_rng(7)
        for round_number in (0, 6, 2**64 - 1):
            values = generator.standard_normal(PARAMETERS).astype("<f4")
            stream.send(*frames_of(values, round_number))
            header, answer = assemble(stream.replies)
            self.assertEqual(header.round, round_number)
            self.assertEqual(header.dtype, pb.WIRE_DTYPE_FLOAT32)
            numpy.testing.assert_array_equal(answer, 2 * values)
        stream.end()
        self.assertEqual(self.node.stdout.readline(), "disconnected 1\n")

    def test_a_wrong_checksum_is_named_and_counted(self):
        stream = self.connect()
        stream.send(*frames_of(numpy.zeros(PARAMETERS), 3, checksum=1))
        last = list(stream.replies)[-1]
        self.assertEqual(last.goodbye.reason, pb.GOODBYE_REASON_BAD_FRAME)
        self.assertIn("update of round 3: checksum 0x", last.goodbye.detail)
        self.assertEqual(self.node.stdout.readline(), "disconnected 1\n")
        self.node.stdin.write("\n")
        self.node.stdin.flush()
        report = self.node.stdout.readline()
        self.assertIn("rejected=1 error=bad frame from node 1 (python): update of round 3", report)

    def test_another_run_is_refused_with_both_values(self):
        stream = Stream(self.channel)
        stream.send(pb.Frame(hello=hello(run_id="run-2")))
        frames = list(stream.replies)
        self.assertEqual(len(frames), 1)
        self.assertEqual(frames[0].goodbye.reason, pb.GOODBYE_REASON_RUN)
        self.assertIn('"run-1"', frames[0].goodbye.detail)
        self.assertIn('"run-2"', frames[0].goodbye.detail)

    def test_the_committed_state_is_streamed(self):
        call = self.channel.unary_stream(
            "/skiptrain.v1.Peer/FetchState",
            request_serializer=lambda request: request.SerializeToString(),
            response_deserializer=pb.Frame.FromString)
        replies = call(pb.StateRequest(hello=hello(), at_least_round=50), timeout=PATIENCE_S)
        header, values = assemble(replies)
        self.assertEqual(header.round, 100)
        numpy.testing.assert_array_equal(values, numpy.arange(1, PARAMETERS + 1))
        with self.assertRaises(grpc.RpcError) as refused:
            list(call(pb.StateRequest(hello=hello(), at_least_round=101), timeout=PATIENCE_S))
        self.assertEqual(refused.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as directory:
        generate(directory)
        unittest.main(argv=[sys.argv[0], "-v"])
