import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;

/** Asks for an address by both of Java's ways, and prints what came or why nothing did. */
public class Probe {
  public static void main(String[] words) throws Exception {
    URI address = URI.create(words[0]);
    try {
      HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
      System.out.println("first " + new String(connection.getInputStream().readAllBytes()));
    } catch (IOException error) {
      System.out.println("first " + error.getMessage());
    }
    try {
      HttpRequest request = HttpRequest.newBuilder(address).build();
      System.out.println("second " + HttpClient.newHttpClient().send(request, BodyHandlers.ofString()).body());
    } catch (IOException error) {
      System.out.println("second " + error.getMessage());
    }
  }
}
