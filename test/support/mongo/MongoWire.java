import de.bwaldvogel.mongo.MongoCollection;
import de.bwaldvogel.mongo.MongoDatabase;
import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.CursorRegistry;
import de.bwaldvogel.mongo.backend.DatabaseResolver;
import de.bwaldvogel.mongo.backend.Index;
import de.bwaldvogel.mongo.backend.IndexKey;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.h2.H2Database;
import de.bwaldvogel.mongo.bson.Document;
import de.bwaldvogel.mongo.bson.ObjectId;
import de.bwaldvogel.mongo.oplog.Oplog;
import de.bwaldvogel.mongo.wire.message.MongoMessage;
import io.netty.channel.Channel;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.h2.mvstore.MVStore;

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

	/** Its databases have the indexes that they are asked for: the library alone has none but the unique ones, and looks through everything. */
	private static class Indexed extends H2Backend {
		private static final long LIBRARYS_CACHE_MB = 16;
		private static final long SMALL_MB = 128;

		/**
		 * With memory to spare, what was read stays there, in half of it as with a mongod: from the library's cache a person's hundred
		 * sessions among 100,000 would be read and decoded anew by each list.
		 */
		Indexed(String file) {
			super(file);
			long spare = (Runtime.getRuntime().maxMemory() >> 20) - SMALL_MB;
			// In KiB.
			getMvStore().setCacheSize((int) Math.max(LIBRARYS_CACHE_MB, spare / 2) << 10);
		}

		@Override
		protected MongoDatabase openOrCreateDatabase(String name) {
			return new IndexedDatabase(name, getMvStore(), getCursorRegistry());
		}
	}

	/** Without those indexes, which are in memory: what is opened again would not be in them. What is asked for with {j: true} is in the file before the reply; the library alone writes it within a second. So kill -9 loses nothing that was acknowledged. */
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

	private static class IndexedDatabase extends H2Database {
		/**
		 * Collections with an index that also finds by _id beside other conditions; the library's own takes an _id alone. Made when the first is
		 * asked for: of a file that is there, the library's constructor asks for indexes before a value given here would stand.
		 */
		private Set<String> knowsIds;

		IndexedDatabase(String name, MVStore store, CursorRegistry cursors) {
			super(name, store, cursors);
		}

		@Override
		protected Index<Object> openOrCreateSecondaryIndex(String collection, String name, List<IndexKey> keys, boolean sparse) {
			if (knowsIds == null) {
				knowsIds = new HashSet<>();
			}
			return new FirstFieldIndex(name, keys, sparse, knowsIds.add(collection));
		}

		/** A driver's countDocuments is an aggregation, and those look through everything: this one form of it is a count. */
		@Override
		public Document handleCommand(Channel channel, String command, Document query, DatabaseResolver databases, Oplog oplog) {
			Document filter = command.equalsIgnoreCase("aggregate") ? countedFilter(query) : null;
			MongoCollection<Object> collection = filter == null ? null : resolveCollection(query.get(command).toString(), false);
			if (collection == null) {
				return super.handleCommand(channel, command, query, databases, oplog);
			}
			int count = collection.count(filter, 0, 0);
			List<Document> batch = count == 0 ? List.of() : List.of(new Document("_id", 1).append("n", count));
			Document cursor = new Document("id", 0L).append("ns", getDatabaseName() + "." + query.get(command)).append("firstBatch", batch);
			return new Document("cursor", cursor).append("ok", 1.0);
		}

		/** The filter of [{$match: filter}, {$group: {_id: 1, n: {$sum: 1}}}]; null when it is another aggregation. */
		private static Document countedFilter(Document query) {
			if (!(query.get("pipeline") instanceof Collection<?> stages) || stages.size() != 2) {
				return null;
			}
			Object[] both = stages.toArray();
			boolean counts = both[1] instanceof Document last && new Document("$group", new Document("_id", 1).append("n", new Document("$sum", 1))).equals(last);
			return counts && both[0] instanceof Document first && first.get("$match") instanceof Document filter ? filter : null;
		}
	}

	/** In memory, by the values of its first field: finds the documents that may match an equality there; the library then looks at each of them. */
	private static class FirstFieldIndex extends Index<Object> {
		private static final Object MISSING = new Object();
		private static final Object OTHER = new Object();
		private final String field;
		private final Map<Object, Map<Object, Object>> positions = new HashMap<>();
		private final Map<Object, Object> byId;
		private long count;

		FirstFieldIndex(String name, List<IndexKey> keys, boolean sparse, boolean knowsIds) {
			super(name, keys, sparse);
			byId = knowsIds ? new HashMap<>() : null;
			field = keys.get(0).getKey();
		}

		/** Values that are equal exactly when Java says so; all others stand together, and while there are any nothing is asked. */
		private static Object keyOf(Object value) {
			if (value == null) {
				return MISSING;
			}
			return value instanceof ObjectId || value instanceof String || value instanceof Boolean ? value : OTHER;
		}

		private Object keyIn(Document document) {
			return field.contains(".") ? OTHER : keyOf(document.get(field));
		}

		@Override
		public Object getPosition(Document document) {
			Map<Object, Object> same = positions.get(keyIn(document));
			return same == null ? null : same.get(document.get("_id"));
		}

		@Override
		public void checkAdd(Document document, MongoCollection<Object> collection) {
			// It refuses nothing.
		}

		@Override
		public void add(Document document, Object position, MongoCollection<Object> collection) {
			if (positions.computeIfAbsent(keyIn(document), key -> new LinkedHashMap<>()).put(document.get("_id"), position) == null) {
				count += 1;
			}
			if (byId != null) {
				byId.put(document.get("_id"), position);
			}
		}

		@Override
		public Object remove(Document document) {
			Object key = keyIn(document);
			Map<Object, Object> same = positions.get(key);
			Object position = same == null ? null : same.remove(document.get("_id"));
			if (byId != null) {
				byId.remove(document.get("_id"));
			}
			if (position != null) {
				count -= 1;
				if (same.isEmpty()) {
					positions.remove(key);
				}
			}
			return position;
		}

		@Override
		public boolean canHandle(Document query) {
			if (finds(query)) {
				return true;
			}
			// A list may hold the value too, and lists stand with the others.
			Object key = keyOf(query.get(field));
			return key != OTHER && key != MISSING && !positions.containsKey(OTHER);
		}

		private boolean finds(Document query) {
			return byId != null && query.get("_id") instanceof ObjectId;
		}

		@Override
		public Iterable<Object> getPositions(Document query) {
			if (finds(query)) {
				Object position = byId.get(query.get("_id"));
				return position == null ? List.of() : List.of(position);
			}
			Map<Object, Object> same = positions.get(keyOf(query.get(field)));
			return same == null ? List.of() : List.copyOf(same.values());
		}

		@Override
		public long getCount() {
			return count;
		}

		@Override
		public long getDataSize() {
			return 0;
		}

		@Override
		public void checkUpdate(Document before, Document after, MongoCollection<Object> collection) {
			// It refuses nothing.
		}

		@Override
		public void updateInPlace(Document before, Document after, Object position, MongoCollection<Object> collection) {
			remove(before);
			add(after, position, collection);
		}

		@Override
		public void drop() {
			positions.clear();
			if (byId != null) {
				byId.clear();
			}
			count = 0;
		}
	}

	public static void main(String[] arguments) throws Exception {
		H2Backend backend = arguments.length > 2 ? new Journaled(arguments[0]) : new Indexed(arguments[0]);
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
