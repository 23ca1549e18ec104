// One thing of each kind that an address can name, made for a person in the ordinary way: attacks aim at what is really there.

import type { Account, Gateway } from "../http/gateway.ts";

export type World = { readonly gateway: Gateway; readonly admin: Account; readonly model: string };

let made = 0;

/** The id of a new thing of `owner` that `{id}` in this address can stand for; throws for an address that nobody has thought of here. */
export async function createThing({ gateway, admin, model }: World, owner: Account, path: string): Promise<string> {
	const { token } = owner;
	made += 1;
	const turn = async (): Promise<{ session: string; generation: string }> => {
		const session = (await gateway.call("POST", "/chat/sessions", { token, body: { title: `thing ${made}` } })).textAt("id");
		const stream = await gateway.call("POST", "/chat/stream", { token, body: { sessionId: session, prompt: "Hello" } });
		return { session, generation: /"generationId":"(\w+)"/.exec(stream.text)?.[1] ?? "" };
	};
	const kinds: readonly (readonly [RegExp, () => Promise<string>])[] = [
		[/\/llm\/models\//, () => Promise.resolve(model)],
		[/\/auth\/keys\//, async () => (await gateway.call("POST", "/auth/keys", { token, body: { name: `key ${made}` } })).textAt("id")],
		[
			/\/auth\/sessions\//,
			async () => {
				const login = await gateway.login(owner.email);
				return (await gateway.call("GET", "/auth/sessions", { token: login.token })).textAt("sessions.0.id");
			},
		],
		[
			/\/admin\/invitations\//,
			async () => (await gateway.call("POST", "/admin/invitations", { token: admin.token, body: {} })).textAt("id"),
		],
		[/\/(admin|sessions)\/users\/|\/v1\/users\//, async () => (await gateway.signup(`thing${made}@box.local`)).id],
		[/\/generations\//, async () => (await turn()).generation],
		[
			/\/chat\/messages\//,
			async () => (await gateway.call("GET", `/chat/sessions/${(await turn()).session}/messages`, { token })).textAt("messages.0.id"),
		],
		[/\/sessions\//, async () => (await turn()).session],
	];
	const create = kinds.find(([pattern]) => pattern.test(path))?.[1];
	if (create === undefined) throw new Error(`what does {id} stand for in ${path}? Say it in test/security/things.ts`);
	return create();
}
