// The story of generated clients, in Java: OpenAPI Generator makes all but this file.

import tidings.ApiClient;
import tidings.ApiException;
import tidings.api.AccountsApi;
import tidings.api.MessagesApi;
import tidings.api.RoomsApi;
import tidings.api.StreamApi;
import tidings.model.Content;
import tidings.model.ContentMessage;
import tidings.model.CreateRoom;
import tidings.model.Live;
import tidings.model.RoomKind;
import tidings.model.SendMessage;
import tidings.model.ServerFrameEvent;
import tidings.model.ServerFrameReady;
import tidings.model.SignUp;

public class Story {
  static void check(String what, boolean right) {
    if (!right) throw new AssertionError(what);
  }

  /** The text of a content that is a message, the name of its class else. */
  static String text(Content content) {
    Object known = content.getActualInstance();
    return known instanceof ContentMessage message ? message.getText() : known.getClass().getSimpleName();
  }

  static ApiClient client() {
    var client = new ApiClient();
    client.updateBaseUri(System.getenv("TIDINGS_URL"));
    return client;
  }

  public static void main(String[] arguments) throws ApiException {
    var account = new SignUp().username("duke").password("a long password");
    var token = new AccountsApi(client()).signUp(account, null).getToken();
    var signedIn = client();
    signedIn.setRequestInterceptor(request -> request.header("Authorization", "Bearer " + token));
    var rooms = new RoomsApi(signedIn);
    var room = rooms.createRoom(new CreateRoom().kind(RoomKind.GROUP).name("harbour"), null).getRoom();
    check("a role", room.getRole() != null && room.getLast() == null);

    var stream = new StreamApi(signedIn);
    var first = stream.events(null, Live.POLL, null);
    var ready = (ServerFrameReady) first.getFrames().get(0).getActualInstance();
    check("ready comes first", ready.getRooms().get(0).getId().equals(room.getId()));

    var messages = new MessagesApi(signedIn);
    var sent = messages.sendMessage(room.getId(), new SendMessage().text("hello"), null);
    check("the answer is the event", text(sent.getContent()).equals("hello"));
    var next = stream.events(first.getCursor(), Live.POLL, null);
    var heard = next.getFrames().stream()
        .map(frame -> frame.getActualInstance())
        .filter(frame -> frame instanceof ServerFrameEvent event && event.getLog().equals(room.getId()))
        .map(frame -> text(((ServerFrameEvent) frame).getContent()))
        .toList();
    check("the stream brings it", heard.contains("hello"));
    var log = messages.listEvents(room.getId(), null, null).getEvents();
    check("the log", log.size() == 3 && text(log.get(2).getContent()).equals("hello"));
    check("its beginning", text(log.get(0).getContent()).equals("ContentRoomCreated"));

    try {
      rooms.getRoom("room_00000000000000000000000000");
      check("a room that is not there is refused", false);
    } catch (ApiException refused) {
      check("a refusal has its code", refused.getResponseBody().contains("\"code\":\"not_found\""));
    }
    System.out.println("the story holds");
  }
}
