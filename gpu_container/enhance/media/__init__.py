"""Files in and out: index, decode, encode, join. PyAV is the only library that touches media here.

The order of calls, from a file to a file:

    # plan (one pass over the packets; `media` is a path, a seekable file object, or a function
    # that opens one: give the function where several threads read at once)
    index = scan(media)                                  # pure facts; JSON with .model_dump_json()
    source = open_source(media, index)                   # refuses by name: BadInputError
    ... source.facts: StreamFacts of the first stage; source.index.pts: where chunks may begin ...

    # run, per chunk, half open: start <= pts < end, both from source.index.pts (or index.end)
    encoding = choose_encoding(spec.convert, source, facts_of_last_stage, device)
    damage = DecodeReport()
    decoded = frames(source, start, end, before, after, report=damage, device=device)
    with ChunkWriter(path, encoding, facts_of_last_stage) as writer:
        for frame in last_stage.frames(decoded):
            if start <= frame.pts < end:
                writer.write(frame)
    chunk = writer.facts                                 # ChunkFacts; JSON; only after the block

    # assemble (`output` does not exist before; write beside the final name and rename)
    joined = join(source, [Chunk(path, chunk), ...], output, container=spec.convert.container)
    # joined.container may differ from what was asked (joined.notes says why): ask
    # output_container(source, encoding.codec, asked) at plan time for the suffix of the result.

PyAV's log stays off: with `av.logging.set_level`, a decoder's thread that logs waits for the
interpreter while a seek holds it and waits for the thread. Nothing of a stream is asked after its
container is closed: PyAV crashes.

A stage that makes frames of new size takes its memory from `new_frame(facts, pts, duration)`:
planes to write into that the encoder reads without a copy.
"""

from enhance.media.assemble import join
from enhance.media.containers import output_container
from enhance.media.decode import DecodeReport, frames
from enhance.media.encode import ChunkFacts, ChunkWriter
from enhance.media.encoding import Encoding, choose_encoding
from enhance.media.facts import Index
from enhance.media.index import scan
from enhance.media.opening import Media
from enhance.media.planes import new_frame
from enhance.media.proof import Joined
from enhance.media.source import Source, open_source
from enhance.media.splice import Chunk, JoinError

__all__ = [
    "Chunk",
    "ChunkFacts",
    "ChunkWriter",
    "DecodeReport",
    "Encoding",
    "Index",
    "JoinError",
    "Joined",
    "Media",
    "Source",
    "choose_encoding",
    "frames",
    "join",
    "new_frame",
    "open_source",
    "output_container",
    "scan",
]
