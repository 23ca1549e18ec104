// A JSON body that is read as a whole: a plain completion in place of a stream, or a list of models.

import { createByteBuffer } from "./byte-buffer.ts";
import type { Answer, BodyReader } from "./call.ts";
import { asObject, type JsonObject, parseJson } from "./json.ts";

/** The longest JSON body that is read. Lists of models of large gateways have some hundred KiB. */
const MAX_WHOLE_BODY_BYTES = 2 * 1024 * 1024;

/** Gathers the body and gives its object. Anything else, or more than 2 MiB, is `upstream_protocol`. */
export function createWholeBodyReader(answer: Pick<Answer, "fail">, onObject: (body: JsonObject) => void): BodyReader {
	const body = createByteBuffer(MAX_WHOLE_BODY_BYTES);
	return {
		push(bytes, from, to) {
			if (!body.append(bytes.subarray(from, to))) answer.fail("upstream_protocol", "a JSON body of more than 2 MiB");
		},
		end() {
			const text = body.take().toString();
			const object = asObject(parseJson(text.replace(/^\uFEFF/, "")));
			if (object === undefined) answer.fail("upstream_protocol", text);
			else onObject(object);
		},
	};
}
