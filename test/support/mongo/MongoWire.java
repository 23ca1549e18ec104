import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import java.util.List;

/** Runs a server of MongoDB's wire protocol on 127.0.0.1 until standard input ends. Arguments: the data file, the port (0: any), and perhaps "journal". */
public class MongoWire {
	/** The library calls itself wire version 8 at most, and today's drivers want 9: MongoDB 5.0 is 13. */
	private static final MongoVersion VERSION = new MongoVersion() {
		@Override
		public List<Integer> getVersionArray() {
			return List.of(5, 0, 0, 0);
		}

		@Override
		public int getWireVersion() {
			return 13;
		}
	};

	/** What is asked for with {j: true} is in the file before the reply; the library alone writes it within a second. So kill -9 loses nothing that was acknowledged. */
	private static class Journaled extends H2Backend {
		Journaled(String file) {
			super(file);
		}

		@Override
		public Document handleMessage(MongoMessage message) {
			Document reply = super.handleMessage(message);
			if (message.getDocument().get("writeConcern") instanceof Document concern && Boolean.TRUE.equals(concern.get("j"))) {
				commit();
			}
			return reply;
		}
	}

	public static void main(String[] arguments) throws Exception {
		H2Backend backend = arguments.length > 2 ? new Journaled(arguments[0]) : new H2Backend(arguments[0]);
		backend.version(VERSION);
		MongoServer server = new MongoServer(backend);
		Runtime.getRuntime().addShutdownHook(new Thread(server::shutdownNow));
		server.bind("127.0.0.1", Integer.parseInt(arguments[1]));
		System.out.println("listening " + server.getLocalAddress().getPort());
		while (System.in.read() >= 0) {
			// Nothing is expected: only the end counts.
		}
		System.exit(0);
	}
}
